// What a script prints.
(function (own) {
  'use strict';
  const { String, base, define } = own;
  const lines = [];
  const print = (...parts) => {
    if (lines.length < $LINES_MAX) lines.push(parts.map(String).join(' ').slice(0, $LINE_MAX));
  };
  define(base, 'print', print, false);
  define(base, 'println', print, false);
  define(base, 'console', { log: print, info: print, warn: print, error: print, debug: print }, false);
  return { lines };
})
