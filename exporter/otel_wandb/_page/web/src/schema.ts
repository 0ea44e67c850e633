// The records of the journal, as far as the page reads them, and the index that Python packs from them.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Numbers = (number | null)[];

export interface Part { type?: string; content?: Json; name?: string; id?: string; arguments?: Json; response?: Json; [name: string]: Json | undefined }
export interface Message { role?: string; name?: string; parts?: Part[]; text?: string; tools?: Json[]; finish_reason?: string }

export interface Usage { input: number | null; output: number | null; total: number | null; cache_read: number | null; cache_write: number | null; reasoning: number | null }
export interface Call {
  operation: string | null; provider: string | null; request_model: string | null; response_model: string | null; response_id: string | null;
  asked: number[]; answered: number[]; tools: number | null; parameters: { [name: string]: Json }; usage: Usage; estimated: boolean;
  cost: number | null; cost_reason: string | null; finish_reasons: string[]; first_chunk: number | null; stream_end: string | null;
  prompt_name: string | null; prompt_version: string | null; error_type: string | null; http_status: number | null;
  http_request_id: string | null; earlier: number;
}
export interface Span {
  id: string; parent: string | null; name: string; kind: string; start: number; end: number; error: boolean; status: string | null;
  attributes: { [name: string]: Json }; events: { name: string; time: number; attributes: { [name: string]: Json } }[];
  inputs: { [name: string]: number } | null; outputs: { [name: string]: number } | null; scope: string; call: Call | null;
}
export interface Trace {
  trace_id: string; sequence: number; complete: boolean; reason: string; name: string; error: string | null; start: number; end: number;
  service: string | null; session: string | null; conversation: string | null; user: string | null; tags: string[]; spans: Span[];
  totals: { calls: number; cost_reason: string | null };
}

export interface Traces {
  id: string[]; run: number[]; name: number[]; start: number[]; duration: number[]; error: number[]; calls: number[]; input: Numbers; output: Numbers;
  total: Numbers; estimated: number[]; cost: Numbers; unknown: number[]; session: number[]; user: number[]; tags: number[][]; preview: number[];
  spans: number[]; service: number[]; complete: number[]; sequence: number[];
}
export interface Spans {
  parent: number[]; name: number[]; kind: number[]; start: number[]; duration: number[]; error: number[]; call: number[]; model: number[];
  operation: number[]; settings: number[]; prompt: number[]; input: Numbers; output: Numbers; estimated: number[]; cost: Numbers; first: Numbers;
  error_type: number[]; question: number[]; answer: number[]; fresh: number[][];
}
export interface Run { name: string; ended: boolean; id?: string; project?: string; prices?: string | null; counters?: { [name: string]: number } | null }
export interface Index { base: number; runs: Run[]; strings: string[]; traces: Traces; spans: Spans; feedback: [number, number, Json][] }
export interface PageIndex extends Index { text_chunks: number[]; detail_chunks: number[]; follow: number | null }
/** `rows` are those of the traces: new ones, and ones that have grown. */
export interface Delta { rows: number[]; index: Index; texts: Message[]; details: Trace[]; texts_before: number }
