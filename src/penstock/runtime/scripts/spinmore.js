// Camunda Spin's JSON nodes: the methods that change and search them, and JSON paths.
(function (own) {
  'use strict';
  const { stringify, keys, hasOwn, create, setPrototypeOf, isArray, isFinite, Number, Object, String, Symbol, define, need } = own;
  const { SpinJsonNode, must } = own.spin;
  const { unwrap } = SpinJsonNode;
  const javaList = (items) => setPrototypeOf(items, need('collections').javaList);
  const plain = (value, depth) => {
    if (value instanceof SpinJsonNode) return SpinJsonNode.unwrap(value);
    if (value === undefined) return null;
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && isFinite(value)) return value;
    if (depth > $DEPTH_MAX) throw new TypeError('a value is nested too deeply or contains itself');
    if (isArray(value)) return value.map((item) => plain(item, depth + 1));
    if (typeof value === 'object' && !need('values').isForeign(value)) {
      const result = {};
      for (const key of keys(value)) define(result, key, plain(value[key], depth + 1), true);
      return result;
    }
    throw new TypeError(`a JSON node cannot hold ${need('values').describe(value)}`);
  };
  const deepEqual = (a, b) => {
    if (a === b) return true;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || isArray(a) !== isArray(b)) return false;
    const names = keys(a);
    return names.length === keys(b).length && names.every((name) => hasOwn(b, name) && deepEqual(a[name], b[name]));
  };
  const nodes = (items) => javaList(items.map((item) => new SpinJsonNode(item)));

  const list = (node) => must(node, node.isArray(), 'an array');
  const map = (node) => must(node, node.isObject(), 'an object');
  const put = (node, name, value) => { define(map(node), name, plain(value, 0), true); return node; };
  const index = (node, value) => {
    const wanted = plain(value, 0);
    return list(node).findIndex((item) => deepEqual(item, wanted));
  };
  const known = (node, value) => {
    const at = index(node, value);
    if (at < 0) throw new TypeError(`the JSON array has no element ${stringify(plain(value, 0))}`);
    return at;
  };
  const place = (node, index, beyond) => {
    const { length } = list(node);
    const at = index < 0 ? length + index : index;
    if (!(at >= 0 && at < length + beyond)) {
      throw new RangeError(`index ${index} is out of bounds for a JSON array of length ${length}`);
    }
    return at;
  };
  const methods = create(Object.prototype);
  const members = {
    getDataFormatName() { return 'application/json'; },
    fieldNames() { return javaList(keys(map(this))); },
    deleteProp(names) {
      for (const name of isArray(names) ? names : [names]) { this.prop(name); delete unwrap(this)[name]; }
      return this;
    },
    elements() { return nodes(list(this)); },
    indexOf(value) { return known(this, value); },
    lastIndexOf(value) {
      known(this, value);
      const wanted = plain(value, 0);
      return list(this).findLastIndex((item) => deepEqual(item, wanted));
    },
    contains(value) { return index(this, value) >= 0; },
    append(...values) {
      const items = list(this);
      for (const value of values.length === 1 && isArray(values[0]) ? values[0] : values) items.push(plain(value, 0));
      return this;
    },
    insertAt(index, ...values) {
      list(this).splice(place(this, index, 1), 0, ...values.map((value) => plain(value, 0)));
      return this;
    },
    insertBefore(value, ...values) { return this.insertAt(known(this, value), ...values); },
    insertAfter(value, ...values) { return this.insertAt(known(this, value) + 1, ...values); },
    remove(value) { list(this).splice(known(this, value), 1); return this; },
    removeLast(value) { list(this).splice(this.lastIndexOf(value), 1); return this; },
    removeAt(index) { list(this).splice(place(this, index, 0), 1); return this; },
    jsonPath(path) { return new SpinJsonPath(String(path), find(String(path), unwrap(this))); },
    equals(other) { return other instanceof SpinJsonNode && deepEqual(unwrap(this), unwrap(other)); },
  };
  for (const name of keys(members)) define(methods, name, members[name], false);
  define(methods, Symbol.iterator, function () { return this.elements()[Symbol.iterator](); }, false);

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
  return { methods, plain, put, SpinJsonPath };
})
