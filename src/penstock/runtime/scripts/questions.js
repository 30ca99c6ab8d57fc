// Questions to the engine, and variables that are fetched when they are first read.
(function (own) {
  'use strict';
  const { ask, globals, defineProperty, parse, stringify, define, variables, enter } = own;
  const request = (message) => {
    const answer = parse(ask(stringify(message)));
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };
  const defer = (name) => defineProperty(variables, name, {
    configurable: true,
    enumerable: true,
    get() {
      const answer = request(['name', name]);
      if (answer.missing) throw new ReferenceError(`${name} is not defined`);
      const value = enter(answer.value);
      define(variables, name, value);
      return value;
    },
    set(value) { define(globals, name, value); },
  });
  return { request, defer };
})
