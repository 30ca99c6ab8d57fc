// Camunda Spin's JSON nodes, evaluated when a script first meets one: most never do.
(function (parse, stringify, keys, hasOwn, setPrototypeOf, isArray, isFinite, javaList, put, foreign, describe, depthMax) {
  'use strict';
  const quote = (name) => `'${String(name)}'`;
  const plain = (value, depth) => {
    if (value instanceof SpinJsonNode) return SpinJsonNode.unwrap(value);
    if (value === undefined) return null;
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && isFinite(value)) return value;
    if (depth > depthMax) throw new TypeError('a value is nested too deeply or contains itself');
    if (isArray(value)) return value.map((item) => plain(item, depth + 1));
    if (typeof value === 'object' && !foreign(value)) {
      const result = {};
      for (const key of keys(value)) put.call(result, key, plain(value[key], depth + 1));
      return result;
    }
    throw new TypeError(`a JSON node cannot hold ${describe(value)}`);
  };
  const deepEqual = (a, b) => {
    if (a === b) return true;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || isArray(a) !== isArray(b)) return false;
    const names = keys(a);
    return names.length === keys(b).length && names.every((name) => hasOwn(b, name) && deepEqual(a[name], b[name]));
  };
  const nodes = (items) => setPrototypeOf(items.map((item) => new SpinJsonNode(item)), javaList);

  class SpinJsonNode {
    #data;
    constructor(data) { this.#data = data; }
    static unwrap(node) { return node.#data; }
    #need(ok, kind) {
      if (!ok) throw new TypeError(`the JSON node is not ${kind}: ${this.toString().slice(0, 100)}`);
      return this.#data;
    }
    #list() { return this.#need(this.isArray(), 'an array'); }
    #map() { return this.#need(this.isObject(), 'an object'); }
    #index(value) {
      const wanted = plain(value, 0);
      return this.#list().findIndex((item) => deepEqual(item, wanted));
    }
    #known(value) {
      const index = this.#index(value);
      if (index < 0) throw new TypeError(`the JSON array has no element ${stringify(plain(value, 0))}`);
      return index;
    }
    #place(index, beyond) {
      const list = this.#list();
      const at = index < 0 ? list.length + index : index;
      if (!(at >= 0 && at < list.length + beyond)) {
        throw new RangeError(`index ${index} is out of bounds for a JSON array of length ${list.length}`);
      }
      return at;
    }
    getDataFormatName() { return 'application/json'; }
    isNull() { return this.#data === null; }
    isBoolean() { return typeof this.#data === 'boolean'; }
    isNumber() { return typeof this.#data === 'number'; }
    isString() { return typeof this.#data === 'string'; }
    isArray() { return isArray(this.#data); }
    isObject() { return typeof this.#data === 'object' && this.#data !== null && !isArray(this.#data); }
    isValue() { return this.isNull() || typeof this.#data !== 'object'; }
    value() { return this.#need(this.isValue(), 'a value'); }
    stringValue() { return this.#need(this.isString(), 'a string'); }
    numberValue() { return this.#need(this.isNumber(), 'a number'); }
    boolValue() { return this.#need(this.isBoolean(), 'a boolean'); }
    fieldNames() { return setPrototypeOf(keys(this.#map()), javaList); }
    hasProp(name) { return hasOwn(this.#map(), name); }
    prop(name, value) {
      const map = this.#map();
      if (arguments.length > 1) { put.call(map, name, plain(value, 0)); return this; }
      if (!hasOwn(map, name)) throw new TypeError(`the JSON object has no property ${quote(name)}`);
      return new SpinJsonNode(map[name]);
    }
    deleteProp(names) {
      for (const name of isArray(names) ? names : [names]) { this.prop(name); delete this.#data[name]; }
      return this;
    }
    elements() { return nodes(this.#list()); }
    [Symbol.iterator]() { return this.elements()[Symbol.iterator](); }
    indexOf(value) { return this.#known(value); }
    lastIndexOf(value) {
      this.#known(value);
      const wanted = plain(value, 0);
      return this.#list().findLastIndex((item) => deepEqual(item, wanted));
    }
    contains(value) { return this.#index(value) >= 0; }
    append(...values) {
      const list = this.#list();
      for (const value of values.length === 1 && isArray(values[0]) ? values[0] : values) list.push(plain(value, 0));
      return this;
    }
    insertAt(index, ...values) {
      this.#list().splice(this.#place(index, 1), 0, ...values.map((value) => plain(value, 0)));
      return this;
    }
    insertBefore(known, ...values) { return this.insertAt(this.#known(known), ...values); }
    insertAfter(known, ...values) { return this.insertAt(this.#known(known) + 1, ...values); }
    remove(value) { this.#list().splice(this.#known(value), 1); return this; }
    removeLast(value) { this.#list().splice(this.lastIndexOf(value), 1); return this; }
    removeAt(index) { this.#list().splice(this.#place(index, 0), 1); return this; }
    jsonPath(path) { return new SpinJsonPath(String(path), find(String(path), this.#data)); }
    equals(other) { return other instanceof SpinJsonNode && deepEqual(this.#data, SpinJsonNode.unwrap(other)); }
    toJSON() { return this.#data; }
    toString() { return stringify(this.#data); }
  }

  class SpinJsonPath {
    #path; #found;
    constructor(path, found) { this.#path = path; this.#found = found; }
    element() {
      if (this.#found.all) return new SpinJsonNode(this.#found.items);
      if (!this.#found.items.length) throw new TypeError(`JSON path ${quote(this.#path)} finds nothing`);
      return new SpinJsonNode(this.#found.items[0]);
    }
    elementList() {
      return this.#found.all ? nodes(this.#found.items) : this.element().elements();
    }
    stringValue() { return this.element().stringValue(); }
    numberValue() { return this.element().numberValue(); }
    boolValue() { return this.element().boolValue(); }
  }

  // Paths of names, indexes, `*` and `..name`; filters and slices are refused.
  const find = (path, root) => {
    const steps = /(\.\.)?(?:\.?\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(-?\d+)|(\*))\]|\.?(\*)|\.?([^\s.[\]()?*'"$@]+))/y;
    if (path[0] !== '$') throw new TypeError(`JSON path ${quote(path)} does not begin with $`);
    let items = [root], all = false, at = 1;
    while (at < path.length) {
      steps.lastIndex = at;
      const step = steps.exec(path);
      if (step === null) throw new TypeError(`JSON path ${quote(path)} is not supported from character ${at + 1} on`);
      at = steps.lastIndex;
      const star = step[5] ?? step[6];
      const name = (step[2] ?? step[3])?.replace(/\\(.)/g, '$1') ?? step[4] ?? step[7];
      const index = step[4] === undefined ? null : Number(step[4]);
      const next = [];
      const visit = (item, depth) => {
        if (typeof item !== 'object' || item === null) return;
        if (star !== undefined) next.push(...(isArray(item) ? item : keys(item).map((key) => item[key])));
        else if (index !== null && isArray(item)) { if (item.at(index) !== undefined) next.push(item.at(index)); }
        else if (!isArray(item) && hasOwn(item, name)) next.push(item[name]);
        if (step[1]) for (const key of keys(item)) visit(item[key], depth + 1);
      };
      for (const item of items) visit(item, 0);
      all ||= star !== undefined || step[1] !== undefined;
      items = next;
    }
    return { items, all };
  };

  const spin = (input) => {
    if (input instanceof SpinJsonNode) return input;
    if (typeof input === 'string') {
      if (/^\s*</.test(input)) throw new TypeError('XML is not available in scripts: S() reads JSON only');
      return new SpinJsonNode(parse(input));
    }
    if (input === null || input === undefined) throw new TypeError('S() needs a text or a value, not null');
    return new SpinJsonNode(plain(input, 0));
  };

  return { SpinJsonNode, SpinJsonPath, spin };
})
