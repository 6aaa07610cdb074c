// Without `module.extension` the client is one for bundlers, which Node.js does not run.
export default {
  input: "openapi.json",
  output: { path: "hey_api_client", module: { extension: ".js" } },
  logs: { file: false },
};
