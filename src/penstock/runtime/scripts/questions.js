// Questions to the engine, and variables that are fetched when they are first read.
(function (own) {
  'use strict';
  const { ask, globals, defineProperty, parse, stringify, keys, define, enter, leave } = own;
  const request = (message) => {
    const answer = parse(ask(stringify(message)));
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };
  const defer = (name) => defineProperty(own.variables, name, {
    configurable: true,
    enumerable: true,
    get() {
      const answer = request(['name', name]);
      if (answer.missing) throw new ReferenceError(`${name} is not defined`);
      const value = enter(answer.value);
      define(own.variables, name, value, true);
      return value;
    },
    set(value) { define(globals, name, value, true); },
  });
  const start = (names) => { for (const name of names) defer(name); };
  const has = (object, name) => !request(['read', object, name]).missing;
  const read = (object, name) => enter(request(['read', object, name]).value);
  const call = (object, method, args) => {
    const answer = request(['call', object, method, args.map((arg) => leave(arg))]);
    if (answer.missing) throw new TypeError(`${object}.${method} is not a function`);
    if (answer.changed) {
      own.started.got = {};
      for (const name of keys(answer.changed)) {
        if (answer.changed[name]) defer(name);
        else delete own.variables[name];
      }
    }
    return enter(answer.value);
  };
  return { start, has, read, call };
})
