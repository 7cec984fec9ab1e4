// Prints what the official parser finds in the AsyncAPI document named on the command line, as JSON.
// Exits with 1 where the document is not valid.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
console.log(JSON.stringify(diagnostics.map(({ severity, code, path, message }) => ({ severity, code, path, message }))));
process.exit(document === undefined ? 1 : 0);
