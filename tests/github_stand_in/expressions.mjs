// Evaluates the expressions of our workflows with GitHub's own evaluator against payloads, and prints the results.
//   npm install --prefix DIR @actions/expressions@0.3.61
//   node expressions.mjs DIR < cases.json > tests/data/github_conditions.json
import {createRequire} from "module";
import {pathToFileURL} from "url";
import fs from "fs";
const require = createRequire(pathToFileURL(process.argv[2] + "/"));
const at = pathToFileURL(process.argv[2] + "/node_modules/@actions/expressions/dist/index.js");
const {Lexer, Parser, Evaluator, data} = await import(at);
const convert = (v) => {
  if (v === null || v === undefined) return new data.Null();
  if (typeof v === "boolean") return new data.BooleanData(v);
  if (typeof v === "number") return new data.NumberData(v);
  if (typeof v === "string") return new data.StringData(v);
  if (Array.isArray(v)) return new data.Array(...v.map(convert));
  const d = new data.Dictionary();
  for (const [key, value] of Object.entries(v)) d.add(key, convert(value));
  return d;
};
const plain = (found) => {
  switch (found.kind) {
    case data.Kind.Boolean:
    case data.Kind.Number:
    case data.Kind.String:
      return found.value;
    default:
      return null;
  }
};
// `always()` is the runner's own function: it is what keeps a step from asking how the ones before it went.
const always = {name: "always", minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(true)};
const results = {};
for (const {expression, contexts} of JSON.parse(fs.readFileSync(0, "utf8"))) {
  results[expression] = contexts.map((context) => {
    const tokens = new Lexer(expression).lex().tokens;
    const tree = new Parser(tokens, Object.keys(context), [always]).parse();
    return plain(new Evaluator(tree, convert(context), new Map([["always", always]])).evaluate());
  });
}
console.log(JSON.stringify(results));
