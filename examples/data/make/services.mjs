// Stand-ins for Fulcio, its certificate log, a timestamp authority and Rekor v2, on loopback, for make.sh.
// Fulcio and the certificate log are those of the npm package @sigstore/mock; the authority is `openssl ts`, with the
// certificate that make.sh issued to it; the log is a small one of our own: a Merkle tree in memory, with
// hashedrekord/0.0.2 entries and checkpoints signed by an Ed25519 key.
//
// usage: node services.mjs FOLDER     writes FOLDER/trusted-root.json and FOLDER/signing-config.json, then serves
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const folder = process.argv[2];
const require = createRequire(`${folder}/package.json`);
const { fulcioHandler, initializeCA, initializeCTLog } = require('@sigstore/mock');

const port = 5010;
const base = `http://127.0.0.1:${port}`;
const key = (namedCurve) => generateKeyPairSync('ec', { namedCurve });
const spki = (publicKey) => publicKey.export({ format: 'der', type: 'spki' });
const base64 = (bytes) => Buffer.from(bytes).toString('base64');
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

const ctKey = key('prime256v1');
const ctLog = await initializeCTLog(ctKey);
const ca = await initializeCA(key('prime256v1'), ctLog);
const certificate = (file) => new X509Certificate(readFileSync(`${folder}/${file}`)).raw;

// The log.
const logKey = generateKeyPairSync('ed25519');
const rawLogKey = spki(logKey.publicKey).subarray(-32);
const origin = '127.0.0.1';
const logId = sha256(origin, '\n', Buffer.from([1]), rawLogKey);
const leaves = [];
const node = (left, right) => sha256(Buffer.from([1]), left, right);
const split = (count) => 2 ** Math.floor(Math.log2(count - 1));
const root = (hashes) => {
  if (hashes.length === 1) return hashes[0];
  const k = split(hashes.length);
  return node(root(hashes.slice(0, k)), root(hashes.slice(k)));
};
const path = (index, hashes) => {
  if (hashes.length <= 1) return [];
  const k = split(hashes.length);
  return index < k
    ? [...path(index, hashes.slice(0, k)), root(hashes.slice(k))]
    : [...path(index - k, hashes.slice(k)), root(hashes.slice(0, k))];
};

const addEntry = (request) => {
  const { digest, signature } = request.hashedRekordRequestV002;
  const { keyDetails, x509Certificate } = signature.verifier;
  // Members in the order of RFC 8785.
  const body = Buffer.from(JSON.stringify({
    apiVersion: '0.0.2',
    kind: 'hashedrekord',
    spec: {
      hashedRekordV002: {
        data: { algorithm: 'SHA2_256', digest },
        signature: {
          content: signature.content,
          verifier: { keyDetails, x509Certificate: { rawBytes: x509Certificate.rawBytes } },
        },
      },
    },
  }));
  const index = leaves.push(sha256(Buffer.from([0]), body)) - 1;
  const rootHash = root(leaves);
  const text = `${origin}\n${leaves.length}\n${base64(rootHash)}\n`;
  const signed = Buffer.concat([logId.subarray(0, 4), sign(null, Buffer.from(text), logKey.privateKey)]);
  return {
    logIndex: String(index),
    logId: { keyId: base64(logId) },
    kindVersion: { kind: 'hashedrekord', version: '0.0.2' },
    inclusionProof: {
      logIndex: String(index),
      rootHash: base64(rootHash),
      treeSize: String(leaves.length),
      hashes: path(index, leaves).map(base64),
      checkpoint: { envelope: `${text}\n\u2014 ${origin} ${base64(signed)}\n` },
    },
    canonicalizedBody: base64(body),
  };
};

// What signers and verifiers need to know.
const start = '2026-01-01T00:00:00Z';
const publicKey = (rawBytes, keyDetails) => ({ rawBytes: base64(rawBytes), keyDetails, validFor: { start } });
const authority = (commonName, ...certificates) => ({
  subject: { organization: 'example', commonName },
  uri: base,
  certChain: { certificates: certificates.map((der) => ({ rawBytes: base64(der) })) },
  validFor: { start },
});
const hashAlgorithm = 'SHA2_256';
writeFileSync(`${folder}/trusted-root.json`, `${JSON.stringify({
  mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  tlogs: [{ baseUrl: base, hashAlgorithm, publicKey: publicKey(spki(logKey.publicKey), 'PKIX_ED25519'), logId: { keyId: base64(logId) } }],
  certificateAuthorities: [authority('sigstore', ca.rootCertificate)],
  ctlogs: [{
    baseUrl: base,
    hashAlgorithm,
    publicKey: publicKey(spki(ctKey.publicKey), 'PKIX_ECDSA_P256_SHA_256'),
    logId: { keyId: base64(sha256(spki(ctKey.publicKey))) },
  }],
  timestampAuthorities: [authority('tsa', certificate('tsa.crt'), certificate('tsa-ca.crt'))],
}, null, 1)}\n`);
const service = (url, majorApiVersion) => ({ url, majorApiVersion, validFor: { start }, operator: 'example' });
writeFileSync(`${folder}/signing-config.json`, JSON.stringify({
  mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
  caUrls: [service(base, 1)],
  oidcUrls: [],
  rekorTlogUrls: [service(base, 2)],
  rekorTlogConfig: { selector: 'ANY' },
  tsaUrls: [service(`${base}/api/v1/timestamp`, 1)],
  tsaConfig: { selector: 'ANY' },
}));

const fulcio = fulcioHandler(ca);
const handlers = [
  {
    path: fulcio.path,
    // Go clients send the identity token as a header and want 200; the package differs in both.
    fn: async (body, headers) => {
      const oidcIdentityToken = headers.authorization?.replace('Bearer ', '');
      const answer = await fulcio.fn(JSON.stringify({ credentials: { oidcIdentityToken }, ...JSON.parse(body) }));
      return answer.statusCode === 201 ? { ...answer, statusCode: 200 } : answer;
    },
  },
  {
    path: '/api/v1/timestamp',
    fn: async (query) => {
      writeFileSync(`${folder}/query.tsq`, query);
      const response = execFileSync('openssl', ['ts', '-reply', '-config', 'tsa.cnf', '-queryfile', 'query.tsq'], { cwd: folder });
      return { statusCode: 201, contentType: 'application/timestamp-reply', response };
    },
  },
  {
    path: '/api/v2/log/entries',
    fn: async (body) => ({
      statusCode: 201,
      contentType: 'application/json',
      response: JSON.stringify(addEntry(JSON.parse(body))),
    }),
  },
];
createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const handler = handlers.find(({ path }) => request.url.startsWith(path));
  const answer = handler
    ? await handler.fn(Buffer.concat(chunks), request.headers)
    : { statusCode: 404, response: 'not found' };
  response.writeHead(answer.statusCode, { 'content-type': answer.contentType ?? 'text/plain' });
  response.end(answer.response);
}).listen(port, '127.0.0.1', () => console.log(`serving on ${base}`));
