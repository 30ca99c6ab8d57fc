// What a script finds in its global scope, and how values cross the border. Evaluated once per fresh context.
// Everything used later is captured first: a script may overwrite any global, and then harms itself only.
// Values on the wire are JSON; what JSON lacks is {"@": [kind, …]} (see wire.py).
(function (ask, spinText, depthMax, linesMax, lineMax) {
  'use strict';
  const { parse, stringify } = JSON;
  const { create, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf, keys, hasOwn } = Object;
  const { isArray } = Array;
  const { isFinite } = Number;
  const evaluate = (0, eval);
  const globals = globalThis;
  const lines = [];

  const hidden = (target, members) => {
    for (const name of keys(members)) {
      defineProperty(target, name, { value: members[name], writable: true, configurable: true, enumerable: false });
    }
    return target;
  };

  // --- Java's collections, as far as scripts use them -----------------------------------------------------------
  const same = (a, b) => a === b || (isNode(a) && a.equals(b));
  const iterator = (items) => {
    let at = 0;
    return { hasNext: () => at < items.length, next: () => items[at++] };
  };
  const javaList = hidden(create(Array.prototype), {
    size() { return this.length; },
    isEmpty() { return this.length === 0; },
    get(index) {
      if (!(index >= 0 && index < this.length)) {
        throw new RangeError(`Index ${index} out of bounds for length ${this.length}`);
      }
      return this[index];
    },
    set(index, value) { const old = this.get(index); this[index] = value; return old; },
    add(first, second) {
      if (arguments.length > 1) { this.splice(first, 0, second); return undefined; }
      this.push(first);
      return true;
    },
    addAll(items) { for (const item of items) this.push(item); return true; },
    contains(value) { return this.some((item) => same(item, value)); },
    remove(what) {
      const index = typeof what === 'number' ? what : this.findIndex((item) => same(item, what));
      if (index < 0 || index >= this.length) return false;
      const [old] = this.splice(index, 1);
      return typeof what === 'number' ? old : true;
    },
    clear() { this.length = 0; },
    iterator() { return iterator(this); },
  });
  const javaMap = hidden(create(Object.prototype), {
    size() { return keys(this).length; },
    isEmpty() { return keys(this).length === 0; },
    get(key) { return hasOwn(this, key) ? this[key] : null; },
    getOrDefault(key, other) { return hasOwn(this, key) ? this[key] : other; },
    put(key, value) {
      const old = hasOwn(this, key) ? this[key] : null;
      defineProperty(this, key, { value, writable: true, configurable: true, enumerable: true });
      return old;
    },
    putAll(other) { for (const key of keys(other)) javaMap.put.call(this, key, other[key]); },
    containsKey(key) { return hasOwn(this, key); },
    containsValue(value) { return keys(this).some((key) => same(this[key], value)); },
    remove(key) { const old = hasOwn(this, key) ? this[key] : null; delete this[key]; return old; },
    clear() { for (const key of keys(this)) delete this[key]; },
    keySet() { return setPrototypeOf(keys(this), javaList); },
    values() { return setPrototypeOf(keys(this).map((key) => this[key]), javaList); },
    entrySet() {
      return setPrototypeOf(
        keys(this).map((key) => ({ key, value: this[key], getKey: () => key, getValue: () => this[key] })), javaList);
    },
  });

  // --- Camunda Spin's JSON nodes: spin.js, when they are first needed -----------------------------------------
  let loaded = null;
  const spin = () => (loaded ??= evaluate(spinText)(
    parse, stringify, keys, hasOwn, setPrototypeOf, isArray, isFinite, javaList, javaMap.put,
    (value) => hosts.has(value) || handles.has(value) || value instanceof Date, describe, depthMax));
  const isNode = (value) => loaded !== null && value instanceof loaded.SpinJsonNode;

  const quote = (name) => `'${name}'`;

  // --- things that live outside ---------------------------------------------------------------------------------
  const hosts = new WeakMap();    // proxy -> name of the engine's object
  const handles = new WeakMap();  // stand-in -> number of a value that scripts can only pass on
  const describe = (value) => {
    if (hosts.has(value)) return `the object ${quote(hosts.get(value))}`;
    if (handles.has(value)) return String(value);
    if (value instanceof Promise) return 'a Promise: scripts are synchronous';
    if (value instanceof Date) return 'a Date';
    return /^[aeiou]/.test(typeof value) ? `an ${typeof value}` : `a ${typeof value}`;
  };

  const request = (message) => {
    const answer = parse(ask(stringify(message)));
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };

  const variables = create(create(Object.prototype));
  const define = (name, value) => defineProperty(variables, name, {
    value, writable: true, configurable: true, enumerable: true });
  const assign = (name, value) => defineProperty(globals, name, {
    value, writable: true, configurable: true, enumerable: true });
  const defer = (name) => defineProperty(variables, name, {
    configurable: true,
    enumerable: true,
    get() {
      const answer = request(['name', name]);
      if (answer.missing) throw new ReferenceError(`${name} is not defined`);
      const value = enter(answer.value);
      define(name, value);
      return value;
    },
    set(value) { assign(name, value); },
  });
  const refresh = (names) => {
    for (const name of names) {
      if (request(['name', name]).missing) delete variables[name];
      else defer(name);
    }
  };

  const METHOD = /^(?:(?:get|is|has|set|remove|add|delete|create|resolve|find)[A-Z]|(?:complete|delete|claim)$)/;
  const WRITE = /^(?:set|remove)Variables?(?:Local)?$/;
  const upper = (name) => name[0].toUpperCase() + name.slice(1);
  const call = (object, method, args) => {
    const answer = request(['call', object, method, args.map((arg) => leave(arg, 0))]);
    if (answer.missing) throw new TypeError(`${object}.${method} is not a function`);
    if (WRITE.test(method)) {
      const [what] = args;
      if (what === undefined) refresh(keys(variables));
      else if (typeof what !== 'object') refresh([String(what)]);
      else refresh(isArray(what) ? what.map(String) : keys(what));
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
      set(_, name, value) { call(object, `set${upper(String(name))}`, [value]); return true; },
      has(_, name) { return typeof name === 'string' && !request(['read', object, name]).missing; },
      defineProperty() { return false; },
      deleteProperty() { return false; },
    });
    hosts.set(proxy, object);
    return proxy;
  };
  const handle = (number, text) => {
    const stand = hidden({}, { toString: () => text });
    handles.set(stand, number);
    return stand;
  };

  // --- the border -----------------------------------------------------------------------------------------------
  const enter = (wire) => {
    if (typeof wire !== 'object' || wire === null) return wire === undefined ? undefined : wire;
    if (isArray(wire)) {
      for (let at = 0; at < wire.length; at++) wire[at] = enter(wire[at]);
      return setPrototypeOf(wire, javaList);
    }
    if (!hasOwn(wire, '@')) return map(wire);
    const [kind, value, more] = wire['@'];
    switch (kind) {
      case 'map': return map(value);
      case 'number': return Number(value);
      case 'date': return new Date(value);
      case 'json': return new (spin().SpinJsonNode)(value);
      case 'host': return host(value);
      case 'handle': return handle(value, more);
      default: throw new TypeError(`unknown kind of value ${kind}`);
    }
  };
  const map = (wire) => {
    for (const key of keys(wire)) javaMap.put.call(wire, key, enter(wire[key]));
    return setPrototypeOf(wire, javaMap);
  };

  const leave = (value, depth) => {
    switch (typeof value) {
      case 'undefined': return null;
      case 'string': case 'boolean': return value;
      case 'number': return isFinite(value) ? value : { '@': ['number', String(value)] };
      case 'bigint': return { '@': ['long', String(value)] };
      case 'object': break;
      default: throw new TypeError(`${describe(value)} cannot leave a script`);
    }
    if (value === null) return null;
    if (depth > depthMax) throw new TypeError('a value is nested too deeply or contains itself');
    if (hosts.has(value) || value instanceof Promise) throw new TypeError(`${describe(value)} cannot leave a script`);
    if (handles.has(value)) return { '@': ['handle', handles.get(value)] };
    if (isNode(value)) return { '@': ['json', loaded.SpinJsonNode.unwrap(value)] };
    if (loaded !== null && value instanceof loaded.SpinJsonPath) return leave(value.element(), depth);
    if (value instanceof Date) {
      if (!isFinite(value.getTime())) throw new TypeError('an invalid Date cannot leave a script');
      return { '@': ['date', value.getTime()] };
    }
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return leave(value.valueOf(), depth);
    if (value instanceof Set) return leave([...value], depth);
    if (isArray(value)) {
      const list = [];
      for (let at = 0; at < value.length; at++) list[at] = leave(value[at], depth + 1);
      return list;
    }
    const entries = value instanceof Map ? [...value] : keys(value).map((key) => [key, value[key]]);
    const result = create(null);
    for (const [key, item] of entries) {
      if (typeof item !== 'function') result[key] = leave(item, depth + 1);
    }
    return '@' in result ? { '@': ['map', result] } : result;
  };

  // --- names that every script finds, below the variables -------------------------------------------------------
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
  const print = (...parts) => {
    if (lines.length < linesMax) lines.push(parts.map(String).join(' ').slice(0, lineMax));
  };
  const load = (...names) => java(names.map(String).join(', '))();
  hidden(getPrototypeOf(variables), {
    S: (input) => spin().spin(input), BpmnError, print, println: print, load, importClass: load, importPackage: load,
    console: { log: print, info: print, warn: print, error: print, debug: print },
    java: java('java'), javax: java('javax'), org: java('org'),
    Packages: new Proxy({}, { get: (_, name) => (typeof name === 'symbol' ? undefined : java(name)) }),
    Java: {
      type: (name) => (java(String(name)) === BpmnError ? BpmnError : java(String(name))()),
      from: (items) => [...items],
      to: (items) => items,
    },
  });
  // Spin's JSON(…) and the standard's JSON.parse, JSON.stringify in one.
  const both = (input) => spin().spin(input);
  for (const name of Reflect.ownKeys(JSON)) defineProperty(both, name, getOwnPropertyDescriptor(JSON, name));
  globals.JSON = both;
  for (const name of ['performance', 'queueMicrotask', 'Atomics', 'SharedArrayBuffer']) delete globals[name];
  setPrototypeOf(globals, variables);

  const failure = (error) => {
    if (error instanceof BpmnError) return { bpmn: [error.errorCode, error.message === '' ? null : error.message] };
    if (typeof error !== 'object' || error === null) return { error: error === null ? null : String(error), stack: '' };
    const text = String(error);
    return { error: text === '[object Object]' ? stringify(error) : text, stack: String(error.stack ?? '') };
  };

  return function run(source, names) {
    const started = parse(names);
    for (const name of keys(started.values)) define(name, enter(started.values[name]));
    for (const name of started.lazy) defer(name);
    let result;
    try {
      const value = evaluate(source);
      result = started.value ? { value: leave(value, 0) } : { value: null };
    } catch (error) {
      result = failure(error);
    }
    result.log = lines;
    return stringify(result);
  };
})
