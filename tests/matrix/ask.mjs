// Asks AWS who it is, once for each line that comes, as any program that uses the AWS SDK for JavaScript does.
import { createInterface } from "node:readline";

import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";

const sts = new STSClient({ credentials: fromNodeProviderChain() });
process.stdout.write("ready\n");
for await (const _ of createInterface({ input: process.stdin })) {
  const { Arn } = await sts.send(new GetCallerIdentityCommand({}));
  process.stdout.write(`${Arn}\n`);
}
