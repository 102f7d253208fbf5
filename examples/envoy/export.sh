#!/bin/sh
# Makes a new CA, puts it into manifests/shop-ca.yaml, and exports both policies: what a control plane would do.
set -eu
# Each CA has a name of its own.
echo >>generations
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.new -days 3650 \
    -subj "/CN=shop CA $(wc -l <generations)" -addext keyUsage=critical,keyCertSign 2>/dev/null
{
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-ca, namespace: shop}\ndata:\n  ca.crt: |\n'
    sed 's/^/    /' ca.new
} >manifests/shop-ca.yaml
separator='{"resources":['
for name in pay ledger; do
    printf '%s' "$separator"
    uptls export envoy --manifests manifests --backend "shop/$name:443" --cluster 127.0.0.1:18443 \
        --module --ca-file "$name-ca.pem" |
        sed '1s|{|{"@type":"type.googleapis.com/envoy.config.cluster.v3.Cluster",|'
    separator=','
done >clusters.new
printf ']}\n' >>clusters.new
mv clusters.new clusters.json
