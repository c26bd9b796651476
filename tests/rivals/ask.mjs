// Asks the AWS SDK for JavaScript for role credentials of a profile, as any program that uses it does.
import { fromSSO } from "@aws-sdk/credential-provider-sso";

const credentials = await fromSSO({ profile: process.argv[2] })();
process.stdout.write(`${credentials.accessKeyId}\n`);
