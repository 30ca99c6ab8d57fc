// The engine's objects: execution, task and others. Writes of plain values need no answer; see `W` in child.py.
(function (own) {
  'use strict';
  const { tell, create, keys, hasOwn, stringify, isFinite, Proxy, WeakMap, Map, String, define, variables, need, enter, leave } = own;
  const hosts = new WeakMap();  // proxy -> name of the engine's object
  const request = (message) => need('questions').request(message);
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
    if (typeof name === 'string') {
      if (method === 'getVariable') {
        const got = own.got[object];
        if (got !== undefined && args.length === 1 && hasOwn(got, name)) return got[name];
      } else if ((method === 'setVariable' || method === 'setVariableLocal') && args.length === 2
          && (object === 'execution' || object === 'task') && isPlain(name) && isPlain(value)) {
        tell(stringify([object, method, args]));
        for (const owner of keys(own.got)) if (hasOwn(own.got[owner], name)) define(own.got[owner], name, value);
        define(variables, name, value);
        return undefined;
      }
    }
    const answer = request(['call', object, method, args.map((arg) => leave(arg, 0))]);
    if (answer.missing) throw new TypeError(`${object}.${method} is not a function`);
    if (answer.changed) {
      own.got = {};
      for (const name of keys(answer.changed)) {
        if (answer.changed[name]) need('questions').defer(name);
        else delete variables[name];
      }
    }
    return enter(answer.value);
  };
  const host = (object) => {
    const methods = new Map();
    const proxy = new Proxy(create(null), {
      get(_, name) {
        if (typeof name === 'symbol') return undefined;
        if (name === 'toString') return () => object;
        if (!METHOD.test(name)) {
          const answer = request(['read', object, name]);
          return answer.missing ? undefined : enter(answer.value);
        }
        if (!methods.has(name)) methods.set(name, (...args) => call(object, name, args));
        return methods.get(name);
      },
      set(_, name, value) {
        const property = String(name);
        call(object, `set${property[0].toUpperCase()}${property.slice(1)}`, [value]);
        return true;
      },
      has(_, name) { return typeof name === 'string' && !request(['read', object, name]).missing; },
      defineProperty() { return false; },
      deleteProperty() { return false; },
    });
    hosts.set(proxy, object);
    return proxy;
  };
  return { host, hosts };
})
