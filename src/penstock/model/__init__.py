"""Process models: the graph, how it is read from BPMN 2.0 XML, and what is wrong with it."""
