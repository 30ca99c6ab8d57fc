// What is left of a script that threw.
(function (own) {
  'use strict';
  const { stringify, String } = own;
  return (error) => {
    if (own.java && error instanceof own.java.BpmnError) {
      return { bpmn: [error.errorCode, error.message === '' ? null : error.message] };
    }
    if (typeof error !== 'object' || error === null) return { error: error === null ? null : String(error), stack: '' };
    const text = String(error);
    return { error: text === '[object Object]' ? stringify(error) : text, stack: String(error.stack ?? '') };
  };
})
