// What every script needs; the rest are parts (`parts` in child.py), compiled when first needed, because compiling costs
// more than running. Evaluated once per fresh context.
// Everything used later is captured first: a script may overwrite any global, and then harms itself only.
// Values on the wire are JSON; what JSON lacks is {"@": [kind, …]} (see wire.py).
(() => {
  'use strict';
  const globals = globalThis;
  const { __ask: ask, __tell: tell, __load: load, Object, Array, JSON, Number, Proxy, WeakMap, Date, Promise, Map, Set, String,
    Boolean, Symbol, eval: evaluate } = globals;
  const { create, defineProperty, setPrototypeOf, keys, hasOwn } = Object;
  const { parse, stringify } = JSON;
  const { isFinite } = Number;
  const lines = [];

  const define = (target, name, value, enumerable = true) => defineProperty(target, name, {
    value, writable: true, configurable: true, enumerable });
  const base = create(Object.prototype);
  const variables = create(base);
  const own = {
    ask, tell, globals, evaluate, create, defineProperty, setPrototypeOf, keys, hasOwn, parse, stringify, isFinite,
    isArray: Array.isArray, Object, Array, Proxy, WeakMap, Date, Promise, Map, Set, Number, String, Boolean, Symbol,
    define, variables, base, got: {},
    need: (name) => own[name] ??= evaluate(load(name))(own),
    enter: (wire) => typeof wire !== 'object' || wire === null ? wire : own.need('values').enter(wire),
    // `depth`: of lists and maps around the value.
    leave: (value, depth) => {
      switch (typeof value) {
        case 'undefined': return null;
        case 'string': case 'boolean': return value;
        case 'number': if (isFinite(value)) return value;
      }
      return value === null ? null : own.need('values').leave(value, depth);
    },
    print: (...parts) => {
      if (lines.length < $LINES_MAX) lines.push(parts.map(String).join(' ').slice(0, $LINE_MAX));
    },
  };
  const late = (part, names) => {
    for (const name of names) {
      defineProperty(base, name, {
        configurable: true,
        get: () => own.need(part)[name],
        set: (value) => define(globals, name, value),
      });
    }
  };
  late('java', ['BpmnError', 'console', 'java', 'javax', 'org', 'Java', 'Packages', 'load', 'importClass', 'importPackage']);
  late('spin', ['S']);
  define(base, 'print', own.print, false);
  define(base, 'println', own.print, false);
  // Spin's JSON(…) and the standard's JSON.parse, JSON.stringify in one.
  globals.JSON = setPrototypeOf((input) => own.need('spin').S(input), JSON);
  for (const name of ['__ask', '__tell', '__load', 'performance', 'queueMicrotask', 'Atomics', 'SharedArrayBuffer']) {
    delete globals[name];
  }
  setPrototypeOf(globals, variables);

  // `source` null: compiles the part `names` ahead.
  return (source, names) => {
    if (source === null) { own.need(names); return ''; }
    const { values, hosts, lazy, got, value } = parse(names);
    for (const name of keys(values)) define(variables, name, own.enter(values[name]));
    for (const name of keys(hosts)) define(variables, name, own.need('objects').host(hosts[name]));
    for (const name of lazy) own.need('questions').defer(name);
    own.got = got;
    let result;
    try {
      const last = evaluate(source);
      result = { value: value ? own.leave(last, 0) : null };
    } catch (error) {
      result = own.need('failure')(error);
    }
    result.log = lines;
    return stringify(result);
  };
})()
