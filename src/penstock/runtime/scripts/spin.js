// Camunda Spin's JSON nodes: S(…) and what most scripts do with a node; the rest is in spinmore.js.
(function (own) {
  'use strict';
  const { parse, stringify, hasOwn, create, setPrototypeOf, isArray, Object, Proxy, Reflect, need, base, define } = own;
  const must = (node, ok, kind) => {
    if (!ok) throw new TypeError(`the JSON node is not ${kind}: ${node.toString().slice(0, 100)}`);
    return SpinJsonNode.unwrap(node);
  };

  class SpinJsonNode {
    #data;
    constructor(data) { this.#data = data; }
    static unwrap(node) { return node.#data; }
    isNull() { return this.#data === null; }
    isBoolean() { return typeof this.#data === 'boolean'; }
    isNumber() { return typeof this.#data === 'number'; }
    isString() { return typeof this.#data === 'string'; }
    isArray() { return isArray(this.#data); }
    isObject() { return typeof this.#data === 'object' && this.#data !== null && !isArray(this.#data); }
    isValue() { return this.isNull() || typeof this.#data !== 'object'; }
    value() { return must(this, this.isValue(), 'a value'); }
    stringValue() { return must(this, this.isString(), 'a string'); }
    numberValue() { return must(this, this.isNumber(), 'a number'); }
    boolValue() { return must(this, this.isBoolean(), 'a boolean'); }
    hasProp(name) { return hasOwn(must(this, this.isObject(), 'an object'), name); }
    prop(name, value) {
      if (arguments.length > 1) return need('spinmore').put(this, name, value);
      const map = must(this, this.isObject(), 'an object');
      if (!hasOwn(map, name)) throw new TypeError(`the JSON object has no property '${String(name)}'`);
      return new SpinJsonNode(map[name]);
    }
    toJSON() { return this.#data; }
    toString() { return stringify(this.#data); }
  }

  // Where a method is not found above, the others are compiled and take this object's place.
  const { prototype } = SpinJsonNode;
  const arrive = () => {
    if (own.spinmore === undefined) setPrototypeOf(prototype, need('spinmore').methods);
    return own.spinmore.methods;
  };
  setPrototypeOf(prototype, new Proxy(create(Object.prototype), {
    get: (_, name, node) => Reflect.get(arrive(), name, node),
    has: (_, name) => Reflect.has(arrive(), name),
  }));

  const S = (input) => {
    if (input instanceof SpinJsonNode) return input;
    if (typeof input === 'string') {
      if (/^\s*</.test(input)) throw new TypeError('XML is not available in scripts: S() reads JSON only');
      return new SpinJsonNode(parse(input));
    }
    if (input === null || input === undefined) throw new TypeError('S() needs a text or a value, not null');
    return new SpinJsonNode(need('spinmore').plain(input, 0));
  };
  define(base, 'S', S, false);
  return { SpinJsonNode, S, must };
})
