"""Decisions as Camunda 7.24 evaluates them (dialect "camunda7").

Tables and literal expressions in FEEL, JUEL or a script language; values have Camunda's types, and what goes wrong is an
error with Camunda's message. `definitions.load` reads a file, `evaluation.evaluate_decision` evaluates a decision as a
generator that asks for the values of scripts.

Deviation: as in Camunda 7, a decision whose logic is another boxed expression, a business knowledge model or a decision
service is not deployed; the dialect "dmn" knows them all.
"""
