// A conversation of Connect's own client for Node, by stubs that `protoc-gen-es` made.
//
// Arguments: URL, stubs. Standard input: `records` to ask about, and `wrong` ones. Standard output:
// what each method answers in each form, what is told beside it, and how no records and the wrong
// ones are refused.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { createRegistry, fromJson, toJson } from "@bufbuild/protobuf";
import { readFileSync } from "node:fs";

const [url, stubs] = process.argv.slice(2);
const { records, wrong } = JSON.parse(readFileSync(0, "utf8"));
const made = Object.values(await import(stubs));
const service = made.find((one) => one.kind === "service");
const registry = createRegistry(...made.filter((one) => one.kind));
const said = [];

async function refusal(call) {
  try {
    await call();
  } catch (raised) {
    const error = ConnectError.from(raised);
    return { code: Code[error.code], message: error.rawMessage, details: error.details.length };
  }
  throw new Error("it was answered");
}

for (const useBinaryFormat of [true, false]) {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat });
  const client = createClient(service, transport);
  for (const method of service.methods) {
    const [rows] = method.input.fields;
    const message = (given) => fromJson(method.input, { [rows.jsonName]: given }, { registry });
    const call = client[method.localName];
    const told = {};
    const answer = await call(message(records), {
      headers: { "x-request-id": "order-66" },
      timeoutMs: 30_000,
      onHeader: (headers) => {
        told.request = headers.get("x-request-id");
        told.model = headers.get("x-model-tag");
      },
    });
    const shown = { useProtoFieldName: true, alwaysEmitImplicit: true, registry };
    const [answers] = Object.values(toJson(method.output, answer, shown));
    const refusals = [await refusal(() => call(message([])))];
    for (const one of wrong) refusals.push(await refusal(() => call(message(one))));
    said.push({ method: method.name, answers, told, refusals });
  }
}
console.log(JSON.stringify(said));
