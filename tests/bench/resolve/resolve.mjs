// Resolves the credentials of a profile, or of the container endpoint, with new providers of the AWS SDK for JavaScript, as
// a program does that has it loaded. Prints the milliseconds of each, and the access key.
import { fromHttp, fromSSO } from "@aws-sdk/credential-providers";

const [profile, rounds] = process.argv.slice(2);
const took = [];
let key;
for (let round = 0; round < Number(rounds); round += 1) {
    const began = performance.now();
    const provider = profile ? fromSSO({ profile }) : fromHttp();
    key = (await provider()).accessKeyId;
    took.push(performance.now() - began);
}
console.log(JSON.stringify({ took, key }));
