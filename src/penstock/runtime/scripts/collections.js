// Java's collections, as far as scripts use them.
(function (own) {
  'use strict';
  const { create, setPrototypeOf, keys, hasOwn, Object, Array, define } = own;
  const hidden = (target, members) => {
    for (const name of keys(members)) define(target, name, members[name], false);
    return target;
  };
  const isNode = (value) => own.spin !== undefined && value instanceof own.spin.SpinJsonNode;
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
      define(this, key, value, true);
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
  return { javaList, javaMap };
})
