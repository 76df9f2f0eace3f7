#!/usr/bin/env bash
# Makes the layout examples/data/attested with real tools: cosign 3, crane, oras and syft. Two images of one small npm
# project, each with provenance, two bills of materials and a scan report, attested with keys that are thrown away.
#
# usage: attested.sh      (in a shell where the tools are on the PATH; takes loopback port 5001)
set -euo pipefail
data=$(dirname "$(cd "$(dirname "$0")" && pwd)")
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"
crane registry serve --address 127.0.0.1:5001 >/dev/null 2>&1 &
until crane catalog 127.0.0.1:5001 >/dev/null 2>&1; do sleep 0.2; done
repository=127.0.0.1:5001/shop
export COSIGN_PASSWORD=
cosign generate-key-pair --output-key-prefix builder 2>/dev/null
cosign generate-key-pair --output-key-prefix scanner 2>/dev/null
cosign signing-config create --out offline.json

attest() { # KEY TYPE FILE DIGEST
  cosign attest -y --key "$1.key" --type "$2" --predicate "$3" --signing-config offline.json --allow-http-registry \
    "$repository@$4" >/dev/null
}
report() { # SEVERITY FIXED: a report as `trivy image --format cosign-vuln` writes it
  cat <<J
{"invocation": {"parameters": null, "uri": "", "event_id": "", "builder.id": ""},
 "scanner": {"uri": "pkg:github/aquasecurity/trivy@0.60.0", "version": "0.60.0", "db": {"uri": "", "version": "", "lastUpdate": "2026-11-21T00:00:00Z"},
  "result": {"SchemaVersion": 2, "CreatedAt": "2026-11-21T00:00:00Z", "ArtifactName": "shop", "ArtifactType": "container_image",
   "Results": [{"Target": "package-lock.json", "Class": "lang-pkgs", "Type": "npm", "Packages": [{"Name": "lodash", "Version": "$3"}],
    "Vulnerabilities": [{"VulnerabilityID": "CVE-2021-23337", "PkgName": "lodash", "InstalledVersion": "$3", "FixedVersion": "$2",
      "Status": "fixed", "Severity": "$1", "PkgIdentifier": {"PURL": "pkg:npm/lodash@$3"}}]}]}},
 "metadata": {"scanStartedOn": "2026-11-21T00:00:00Z", "scanFinishedOn": "2026-11-21T00:00:05Z"}}
J
}
provenance() { # BUILDER
  cat <<J
{"buildDefinition": {"buildType": "https://actions.github.io/buildtypes/workflow/v1", "externalParameters": {"workflow": {"ref": "refs/tags/v1", "repository": "https://github.com/myorg/shop", "path": ".github/workflows/release.yml"}},
  "internalParameters": {}, "resolvedDependencies": [{"uri": "git+https://github.com/myorg/shop@refs/tags/v1",
    "digest": {"gitCommit": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"}}]},
 "runDetails": {"builder": {"id": "$1"}, "metadata": {"invocationId": "1"}}}
J
}
image() { # TAG VERSION SEVERITY BUILDER
  mkdir -p layer/app
  cat > layer/app/package-lock.json <<J
{"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {
  "": {"name": "shop", "version": "1.0.0", "license": "MIT", "dependencies": {"lodash": "$2"}},
  "node_modules/lodash": {"version": "$2", "resolved": "https://registry.npmjs.org/lodash/-/lodash-$2.tgz", "license": "MIT"}}}
J
  tar --sort=name --mtime=@0 --owner=0 --group=0 -C layer -cf layer.tar app
  crane append --oci-empty-base -f layer.tar -t "$repository:$1" >/dev/null 2>&1
  local digest; digest=$(crane digest "$repository:$1")
  syft scan -q dir:layer --source-name shop --source-version 1.0.0 -o cyclonedx-json=bom.cdx.json -o spdx-json=bom.spdx.json
  attest builder cyclonedx bom.cdx.json "$digest"
  attest builder spdxjson bom.spdx.json "$digest"
  provenance "$4" > provenance.json; attest builder slsaprovenance1 provenance.json "$digest"
  report "$3" 4.17.21 "$2" > report.json; attest scanner vuln report.json "$digest"
}
image good 4.17.21 LOW https://github.com/actions/runner/github-hosted
image old 4.17.20 CRITICAL https://laptop.example

rm -rf "$data/attested"
for tag in good old; do
  oras copy --from-plain-http -r "$repository:$tag" --to-oci-layout "$data/attested:$tag" >/dev/null
done
key() { sed 's/^/        /' "$1.pub"; }
cat > "$data/attested-policy.yaml" <<Y
# What the builder and the scanner attest decides.
apiVersion: trust.dev/v1beta1
kind: ImageTrustPolicy
metadata:
  name: shop
spec:
  images: ["ghcr.io/myorg/shop"]
  signers:
    builder:
      transparencyLog: false
      publicKey: |
$(key builder)
    scanner:
      transparencyLog: false
      publicKey: |
$(key scanner)
  require:
    sbom:
      from: [builder]
      deny:
      - {purl: "pkg:npm/lodash", versions: "vers:npm/<4.17.21"}
      licenses: {deny: [AGPL-3.0-only]}
    vulnerabilities: {from: [scanner], severities: [critical], fixAvailable: true, maxAge: 168h}
    provenance:
      from: [builder]
      builders: ["https://github.com/actions/runner/*"]
      sources: ["git+https://github.com/myorg/shop@*"]
Y
echo "made $data/attested"
