#!/bin/sh
# Exports the policies, gives the upstream a certificate of their CA, and runs Envoy.
set -eu
rm -f generations access.log
sh export.sh
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout pay.key -out pay.csr -subj /CN=pay 2>/dev/null
printf 'subjectAltName=DNS:pay.shop.example\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n' >pay.ext
openssl x509 -req -in pay.csr -CA ca.new -CAkey ca.key -days 3650 -extfile pay.ext -out pay.pem 2>/dev/null
exec envoy --disable-hot-restart --file-flush-interval-msec 50 --log-level error -c bootstrap.yaml
