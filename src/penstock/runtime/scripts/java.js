// Names that scripts written for a JVM find: Java itself is not there, and says so.
(function (own) {
  'use strict';
  const { Proxy, String, Symbol, keys, base, define } = own;
  class BpmnError extends Error {
    constructor(code, message) {
      super(message === undefined || message === null ? '' : String(message));
      if (code === undefined || code === null || code === '') throw new TypeError('a BpmnError needs an error code');
      this.errorCode = String(code);
    }
    getErrorCode() { return this.errorCode; }
    getMessage() { return this.message; }
  }
  const java = (path) => {
    if (path === 'org.camunda.bpm.engine.delegate.BpmnError') return BpmnError;
    const refuse = () => {
      throw new TypeError(`Java is not available in scripts: ${path}; use JavaScript, or register a delegate`);
    };
    return new Proxy(function () {}, {
      get(_, name) {
        if (name === Symbol.toPrimitive) return () => path;
        return typeof name === 'symbol' ? undefined : java(`${path}.${name}`);
      },
      apply: refuse, construct: refuse, set: refuse,
    });
  };
  const load = (...names) => java(names.map(String).join(', '))();
  const names = {
    BpmnError, load, importClass: load, importPackage: load,
    java: java('java'), javax: java('javax'), org: java('org'),
    Packages: new Proxy({}, { get: (_, name) => (typeof name === 'symbol' ? undefined : java(name)) }),
    Java: {
      type: (name) => (java(String(name)) === BpmnError ? BpmnError : java(String(name))()),
      from: (items) => [...items],
      to: (items) => items,
    },
  };
  for (const name of keys(names)) define(base, name, names[name], false);
  return { BpmnError };
})
