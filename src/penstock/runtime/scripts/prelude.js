// What every script needs, and no more: the rest are parts (`PARTS` in child.py), because compiling costs more than running.
// Evaluated once per fresh context.
// What parts use later is captured first: a script may overwrite any global, and then harms itself only.
// Values on the wire are JSON; what JSON lacks is {"@": [kind, …]} (see wire.py).
(() => {
  'use strict';
  const globals = globalThis;
  const { __ask: ask, __tell: tell, __load: load, eval: evaluate } = globals;
  const { create, defineProperty, setPrototypeOf, keys, hasOwn } = Object;
  const { parse, stringify } = JSON;
  const { isFinite } = Number;
  const base = create(Object.prototype);  // names that every script finds, below the variables
  const need = (part) => own[part] ??= evaluate(load(part))(own);
  const own = {
    ask, tell, globals, need, base, create, defineProperty, setPrototypeOf, keys, hasOwn, parse, stringify, isFinite,
    isArray: Array.isArray, Object, Array, Proxy, WeakMap, Date, Promise, Map, Set, Number, String, Boolean, Symbol, Reflect,
    define: (target, name, value, enumerable) => defineProperty(target, name, {
      value, writable: true, configurable: true, enumerable }),
    enter: (wire) => typeof wire !== 'object' || wire === null ? wire : need('values').enter(wire),
    leave: (value = null) => value === null || typeof value === 'string' || typeof value === 'boolean' || isFinite(value)
      ? value : need('values').leave(value, 0),
  };
  // Spin's JSON(…) and the standard's JSON.parse, JSON.stringify in one.
  globals.JSON = setPrototypeOf((input) => need('spin').S(input), JSON);
  for (const name of ['__ask', '__tell', '__load', 'performance', 'queueMicrotask', 'Atomics', 'SharedArrayBuffer']) {
    delete globals[name];
  }

  // `source` null: compiles the part `input` ahead.
  return (source, input) => {
    if (source === null) { need(input); return ''; }
    const started = parse(input);
    own.started = started;
    setPrototypeOf(globals, own.variables = setPrototypeOf(started.values, base));
    for (const part of started.parts) need(part);
    if (started.hosts) need('objects').start(started.hosts);
    if (started.lazy) need('questions').start(started.lazy);
    let result;
    try {
      const value = evaluate(source);
      result = { value: started.value ? own.leave(value) : null };
    } catch (error) {
      result = need('failure')(error);
    }
    if (own.print) result.log = own.print.lines;
    return stringify(result);
  };
})()
