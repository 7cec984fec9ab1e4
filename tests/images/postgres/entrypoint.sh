#!/bin/bash
# What the official image does with POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, in few words.
set -euo pipefail

bin=/usr/lib/postgresql/bin
user=${POSTGRES_USER:-postgres}
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    "$bin/initdb" --pgdata="$PGDATA" --username="$user" --pwfile=<(printf '%s' "$POSTGRES_PASSWORD") \
        --auth=scram-sha-256 --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8
    printf 'host all all all scram-sha-256\n' >"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE ${POSTGRES_DB:-$user}" | "$bin/postgres" --single -D "$PGDATA" postgres
fi
exec "$bin/postgres" -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=
