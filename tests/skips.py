"""Every reason for which a test may be skipped; `conftest.py` turns any other skip into a failure."""

NO_DOCKER = "no Docker engine answers, or it has not the images"
SERVERS_GIVEN = "the servers were given by URL and are not ours to stop"
NO_NPM = "npm is not on the path"
NO_NPM_PACKAGES = "npm cannot reach its packages"

ALLOWED = (NO_DOCKER, SERVERS_GIVEN, NO_NPM, NO_NPM_PACKAGES)
