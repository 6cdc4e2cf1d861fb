// A client of caas serve in Node 18 or later, without packages.
// CAAS_URL (https://...) and CAAS_API_KEY come from the environment. The server's certificate is verified against Node's
// authorities; NODE_EXTRA_CA_CERTS names further ones.
import { pathToFileURL } from 'node:url';

const { CAAS_URL, CAAS_API_KEY } = process.env;

// What the service did not do: the HTTP status, and the code that programs look at.
export class Refused extends Error {
    constructor(status, { code, message }) {
        super(`${status} ${code}: ${message}`);
        this.status = status;
        this.code = code;
    }
}

// Sends one request, for instance ask('/encrypt', { userUUID, sensitiveData }), and returns its answer.
export async function ask(path, fields) {
    const answer = await fetch(CAAS_URL + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${CAAS_API_KEY}` },
        body: JSON.stringify(fields),
        signal: AbortSignal.timeout(10_000),
    });
    const json = await answer.json();
    if (!answer.ok) throw new Refused(answer.status, json.error);
    return json;
}

async function main() {
    const userUUID = '4dbcbcfe-4800-40a8-badf-c26b73af230c';
    const { encrypted_data: encryptedData } = await ask('/encrypt', { userUUID, sensitiveData: 'ada@example.com' });
    console.log('digest:', encryptedData);
    const { valid } = await ask('/verify', { userUUID, sensitiveData: 'ada@example.com', encryptedData });
    console.log('verified:', valid);

    const context = 'users.phone';
    const { sealed_data: sealedData } = await ask('/seal', { userUUID, sensitiveData: '+90 555 000 00 00', context });
    console.log('opened:', (await ask('/open', { userUUID, sealedData, context })).sensitive_data);
    try {
        await ask('/open', { userUUID, sealedData, context: 'users.fax' });
    } catch (refused) {
        console.log('refused:', refused.code);
    }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
