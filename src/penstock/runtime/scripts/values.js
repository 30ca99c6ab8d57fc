// How values cross the border that are more than a text, a number or a boolean.
(function (own) {
  'use strict';
  const { create, setPrototypeOf, keys, hasOwn, isArray, isFinite, define, need, Date, Map, Number, Promise, Set, String,
    Boolean, WeakMap } = own;
  const handles = new WeakMap();  // stand-in -> number of a value that scripts can only pass on
  const isHost = (value) => own.objects !== undefined && own.objects.hosts.has(value);
  const describe = (value) => {
    if (isHost(value)) return `the object '${own.objects.hosts.get(value)}'`;
    if (handles.has(value)) return String(value);
    if (value instanceof Promise) return 'a Promise: scripts are synchronous';
    if (value instanceof Date) return 'a Date';
    return /^[aeiou]/.test(typeof value) ? `an ${typeof value}` : `a ${typeof value}`;
  };
  const isForeign = (value) => isHost(value) || handles.has(value) || value instanceof Date;
  const handle = (number, text) => {
    const stand = {};
    define(stand, 'toString', () => text, false);
    handles.set(stand, number);
    return stand;
  };
  const enter = (wire) => {
    if (typeof wire !== 'object' || wire === null) return wire === undefined ? undefined : wire;
    if (isArray(wire)) {
      for (let at = 0; at < wire.length; at++) wire[at] = enter(wire[at]);
      return setPrototypeOf(wire, need('collections').javaList);
    }
    if (!hasOwn(wire, '@')) return map(wire);
    const [kind, value, more] = wire['@'];
    switch (kind) {
      case 'map': return map(value);
      case 'number': return Number(value);
      case 'date': return new Date(value);
      case 'json': return new (need('spin').SpinJsonNode)(value);
      case 'host': return need('objects').host(value);
      case 'handle': return handle(value, more);
      default: throw new TypeError(`unknown kind of value ${kind}`);
    }
  };
  const map = (wire) => {
    for (const key of keys(wire)) define(wire, key, enter(wire[key]), true);
    return setPrototypeOf(wire, need('collections').javaMap);
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
    if (depth > $DEPTH_MAX) throw new TypeError('a value is nested too deeply or contains itself');
    if (isHost(value) || value instanceof Promise) throw new TypeError(`${describe(value)} cannot leave a script`);
    if (handles.has(value)) return { '@': ['handle', handles.get(value)] };
    if (own.spin !== undefined) {
      if (value instanceof own.spin.SpinJsonNode) return { '@': ['json', own.spin.SpinJsonNode.unwrap(value)] };
      if (own.spinmore !== undefined && value instanceof own.spinmore.SpinJsonPath) return leave(value.element(), depth);
    }
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
  return { enter, leave, describe, isForeign };
})
