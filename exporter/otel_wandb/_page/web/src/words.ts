// The words of a message, as they are searched and previewed.
import type { Json, Message, Part } from "./schema";

export const asText = (value: Json | undefined): string => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));

export function words(message: Message): string {
  if (message.parts) return message.parts.map(partWords).join("\n");
  if (message.tools) return JSON.stringify(message.tools);
  return asText(message.text);
}

function partWords(part: Part): string {
  if (part.type === "tool_call") return `${part.name ?? ""} ${asText(part.arguments)}`;
  if (part.type === "tool_call_response") return asText(part.response);
  return part.content === undefined ? asText(part as Json) : asText(part.content);
}
