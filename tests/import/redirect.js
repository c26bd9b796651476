// Loaded before the old script: what it sends to AWS goes to IDENTITY_CENTER. The script itself is not changed.
"use strict";
const axios = require(require.resolve("axios", { paths: [process.cwd()] }));

axios.interceptors.request.use((request) => {
  const url = new URL(request.url);
  if (!/^oidc\.[a-z0-9-]+\.amazonaws\.com$/.test(url.hostname)) throw new Error(`not to AWS: ${url.origin}`);
  return { ...request, url: process.env.IDENTITY_CENTER + url.pathname };
});
