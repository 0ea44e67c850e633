// Calls as Python, for a test that runs them: JSON of what they were asked in, JSON of their texts out.
import { readFileSync } from "node:fs";
import { pythonCall } from "../../exporter/otel_wandb/_page/web/src/python";
import type { Call, Json, Message } from "../../exporter/otel_wandb/_page/web/src/schema";
import { CALL } from "./calls";

const given = JSON.parse(readFileSync(0, "utf8")) as { call: Partial<Call>; asked: Message[]; tools?: Json[] }[];
console.log(JSON.stringify(given.map(({ call, asked, tools }) => pythonCall({ ...CALL, ...call }, asked, tools))));
