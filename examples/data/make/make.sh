#!/usr/bin/env bash
# Makes the images and the trust root in examples/data, with real tools: cosign 3, crane, oras, openssl and node.
# All keys are made here and thrown away, so nothing else can ever be signed with them. See ../README.md.
#
# usage: make.sh      (in a shell where the tools are on the PATH; takes loopback ports 5000 and 5010)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$(dirname "$here")
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"

# A timestamp authority: a root and a leaf with timeStamping as its only purpose.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -keyout tsa-ca.key -out tsa-ca.crt \
  -subj "/O=example/CN=timestamp root" -addext "keyUsage=critical,keyCertSign" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tsa.key -out tsa.csr -subj "/O=example/CN=timestamp" 2>/dev/null
printf '%s\n' "extendedKeyUsage=critical,timeStamping" "keyUsage=critical,digitalSignature" \
  "authorityKeyIdentifier=keyid" > tsa.ext
openssl x509 -req -in tsa.csr -CA tsa-ca.crt -CAkey tsa-ca.key -days 36500 -extfile tsa.ext -out tsa.crt 2>/dev/null
echo 01 > tsa.serial
cat > tsa.cnf <<'C'
[tsa]
default_tsa = service
[service]
serial = tsa.serial
signer_cert = tsa.crt
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
C

# The services and a registry.
npm init -y >/dev/null 2>&1
npm install @sigstore/mock >/dev/null 2>&1
node "$here/services.mjs" "$work" &
crane registry serve --address 127.0.0.1:5000 >/dev/null 2>&1 &
until [ -f signing-config.json ] && crane catalog 127.0.0.1:5000 >/dev/null 2>&1; do sleep 0.2; done

repository=127.0.0.1:5000/images
image() { # NAME: pushes an image with one small file, and prints its digest
  mkdir -p layer && echo "myorg/$1" > layer/name
  tar --sort=name --mtime=@0 --owner=0 --group=0 -C layer -cf layer.tar name
  crane append --oci-empty-base -f layer.tar -t "$repository:$1" >/dev/null 2>&1
  crane digest "$repository:$1"
}
token() { # SUBJECT: an identity token as an issuer would sign it; the stand-in for Fulcio does not check who did
  part() { printf '%s' "$1" | openssl base64 -A | tr '+/' '-_' | tr -d '='; }
  claims=$(printf '{"iss":"%s","sub":"%s","aud":"sigstore","exp":4102444800}' "$issuer" "$1")
  printf '%s.%s.%s' "$(part '{"alg":"RS256","typ":"JWT"}')" "$(part "$claims")" "$(part none)"
}
issuer=https://token.actions.githubusercontent.com
export COSIGN_PASSWORD=
cosign generate-key-pair --output-key-prefix release 2>/dev/null
cosign generate-key-pair --output-key-prefix stranger 2>/dev/null
cosign signing-config create --out offline.json
by_key() { cosign sign -y --key "$1.key" --signing-config offline.json --allow-http-registry "$repository@$2" ; }
by_key_legacy() {
  cosign sign -y --key "$1.key" --use-signing-config=false --new-bundle-format=false --tlog-upload=false \
    --allow-http-registry "$repository@$2"
}
keyless() {
  cosign sign -y --identity-token "$(token "$1")" --signing-config signing-config.json --trusted-root trusted-root.json \
    --allow-http-registry "$repository@$2"
}

signed=$(image signed);       by_key release "$signed"
legacy=$(image legacy);       by_key_legacy release "$legacy"
stranger=$(image stranger);   by_key stranger "$stranger"
keyless=$(image keyless);     keyless https://github.com/myorg/web/.github/workflows/release.yml@refs/tags/v1 "$keyless"
impostor=$(image impostor);   keyless https://github.com/evil/web/.github/workflows/release.yml@refs/tags/v1 "$impostor"
image unsigned >/dev/null
# The signature of one image under the tag of another.
moved=$(image moved)
crane copy "$repository:${legacy/:/-}.sig" "$repository:${moved/:/-}.sig" >/dev/null 2>&1

rm -rf "$data/images"
for tag in signed legacy stranger keyless impostor unsigned moved; do
  oras copy --from-plain-http -r "$repository:$tag" --to-oci-layout "$data/images:$tag" >/dev/null
done
for digest in "$legacy" "$moved"; do
  oras copy --from-plain-http "$repository:${digest/:/-}.sig" --to-oci-layout "$data/images:${digest/:/-}.sig" >/dev/null
done
rm -rf "$data/images/ingest"
cp trusted-root.json "$data/trusted-root.json"
key_policy() { # NAME ACTION IMAGES MUTATE: a policy that wants the release key
  cat <<Y
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: $1
spec:
  validationFailureAction: $2
  rules:
    - name: release-key
      match:
        any:
          - resources:
              kinds:
                - Pod
      verifyImages:
        - imageReferences:
            - "$3"
          mutateDigest: $4
          attestors:
            - entries:
                - keys:
                    publicKeys: |-
$(sed 's/^/                      /' release.pub)
                    # The images were signed without a network, so they are in no transparency log.
                    rekor:
                      ignoreTlog: true
Y
}
key_policy require-release-key Enforce "ghcr.io/myorg/app*" true > "$data/policies/require-release-key.yaml"
key_policy audit-lab Audit "ghcr.io/myorg/lab*" false > "$data/policies/audit-lab.yaml"
echo "made $data/images"
