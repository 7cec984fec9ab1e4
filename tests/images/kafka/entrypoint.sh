#!/bin/bash
# What the official image does with KAFKA_*: each becomes a property, KAFKA_NODE_ID=1 the line node.id=1.
set -euo pipefail

export KAFKA_LOG_DIRS=${KAFKA_LOG_DIRS:-/var/lib/kafka/data}
properties=/var/lib/kafka/server.properties
env | grep '^KAFKA_' | grep -v '^KAFKA_HEAP_OPTS=' | while IFS='=' read -r name value; do
    name=${name#KAFKA_}
    name=${name,,}
    printf '%s=%s\n' "${name//_/.}" "$value"
done >"$properties"

# shellcheck disable=SC2206  # several options in one variable, as in Kafka's own scripts
java=(/opt/java/bin/java ${KAFKA_HEAP_OPTS:-} -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.properties
    -cp '/opt/kafka/libs/*')
if [ ! -s "$KAFKA_LOG_DIRS/meta.properties" ]; then
    "${java[@]}" kafka.tools.StorageTool format --cluster-id 4L6g3nShT-eMCtK--X86sw --config "$properties"
fi
exec "${java[@]}" kafka.Kafka "$properties"
