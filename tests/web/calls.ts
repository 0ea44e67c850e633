// A call of which nothing is known but its model.
import type { Call } from "../../exporter/otel_wandb/_page/web/src/schema";

export const CALL: Call = {
  operation: "chat", provider: "openai", request_model: "gpt-3.5-turbo", response_model: null, response_id: null, asked: [], answered: [], tools: null,
  parameters: {}, usage: { input: null, output: null, total: null, cache_read: null, cache_write: null, reasoning: null }, estimated: false, cost: null,
  cost_reason: null, finish_reasons: [], first_chunk: null, stream_end: null, prompt_name: null, prompt_version: null, error_type: null, http_status: null,
  http_request_id: null, earlier: 0,
};
