// The engine's objects: execution, task and others. Writes of plain values need no answer; see `W` in child.py.
(function (own) {
  'use strict';
  const { tell, create, keys, hasOwn, stringify, isFinite, Proxy, WeakMap, Map, String, define, need } = own;
  const hosts = new WeakMap();  // proxy -> name of the engine's object
  const METHOD = /^(?:(?:get|is|has|set|remove|add|delete|create|resolve|find)[A-Z]|(?:complete|delete|claim)$)/;
  const isPlain = (value) => {
    switch (typeof value) {
      case 'string': return value.length <= $PLAIN_CHARACTERS && value.isWellFormed();
      case 'number': return isFinite(value);
      default: return value === null || typeof value === 'boolean';
    }
  };
  const call = (object, method, args) => {
    const [name, value] = args;
    const { started } = own;
    if (typeof name === 'string') {
      if (method === 'getVariable') {
        const got = started.got[object];
        if (got !== undefined && args.length === 1 && hasOwn(got, name)) return got[name];
      } else if ((method === 'setVariable' || method === 'setVariableLocal') && args.length === 2
          && (object === 'execution' || object === 'task') && isPlain(name) && isPlain(value)) {
        tell(stringify([object, method, args]));
        for (const owner of keys(started.got)) if (hasOwn(started.got[owner], name)) define(started.got[owner], name, value, true);
        define(own.variables, name, value, true);
        return undefined;
      }
    }
    return need('questions').call(object, method, args);
  };
  const host = (object) => {
    const methods = new Map();
    const proxy = new Proxy(create(null), {
      get(_, name) {
        if (typeof name === 'symbol') return undefined;
        if (name === 'toString') return () => object;
        if (!METHOD.test(name)) return need('questions').read(object, name);
        if (!methods.has(name)) methods.set(name, (...args) => call(object, name, args));
        return methods.get(name);
      },
      set(_, name, value) {
        const property = String(name);
        call(object, `set${property[0].toUpperCase()}${property.slice(1)}`, [value]);
        return true;
      },
      has(_, name) { return typeof name === 'string' && need('questions').has(object, name); },
      defineProperty() { return false; },
      deleteProperty() { return false; },
    });
    hosts.set(proxy, object);
    return proxy;
  };
  const start = (names) => {
    for (const name of keys(names)) define(own.variables, name, host(names[name]), true);
  };
  return { start, host, hosts };
})
