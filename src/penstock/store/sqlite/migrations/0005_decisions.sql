-- Decision definitions, decision requirements definitions, and the history of decisions. Bound to store/tables.py by a test.

CREATE TABLE decision_definition (
    "id" TEXT NOT NULL,
    "key" TEXT,
    "version" INTEGER,
    "name" TEXT,
    "category" TEXT,
    "deployment_id" TEXT,
    "resource_name" TEXT,
    "diagram_name" TEXT,
    "tenant_id" TEXT,
    "version_tag" TEXT,
    "history_time_to_live" INTEGER,
    "requirements_id" TEXT,
    "requirements_key" TEXT,
    "deployed_ms" INTEGER,
    "latest" INTEGER,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX decision_definition_key_version ON decision_definition ("key", "version");
CREATE INDEX decision_definition_deployment_id ON decision_definition ("deployment_id");

CREATE TABLE decision_requirements_definition (
    "id" TEXT NOT NULL,
    "key" TEXT,
    "version" INTEGER,
    "name" TEXT,
    "category" TEXT,
    "deployment_id" TEXT,
    "resource_name" TEXT,
    "diagram_name" TEXT,
    "tenant_id" TEXT,
    "deployed_ms" INTEGER,
    "latest" INTEGER,
    PRIMARY KEY ("id")
) STRICT;
CREATE INDEX decision_requirements_definition_key_version ON decision_requirements_definition ("key", "version");
CREATE INDEX decision_requirements_definition_deployment_id ON decision_requirements_definition ("deployment_id");

CREATE TABLE decision_instance (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "definition_id" TEXT,
    "definition_key" TEXT,
    "tenant_id" TEXT,
    "decision_id" TEXT,
    "decision_key" TEXT,
    "decision_name" TEXT,
    "requirements_id" TEXT,
    "requirements_key" TEXT,
    "root_decision_instance_id" TEXT,
    "activity_id" TEXT,
    "activity_instance_id" TEXT,
    "evaluated_ms" INTEGER,
    "collected" REAL,
    "user_id" TEXT,
    "removal_ms" INTEGER,
    "sequence" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT;
CREATE INDEX decision_instance_instance_id ON decision_instance ("instance_id");
CREATE INDEX decision_instance_id ON decision_instance ("id");
CREATE INDEX decision_instance_decision_id ON decision_instance ("decision_id");
CREATE INDEX decision_instance_root_decision_instance_id ON decision_instance ("root_decision_instance_id") WHERE "root_decision_instance_id" IS NOT NULL;
CREATE INDEX decision_instance_evaluated_ms ON decision_instance ("evaluated_ms");

CREATE TABLE decision_input (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "decision_instance_id" TEXT,
    "clause_id" TEXT,
    "clause_name" TEXT,
    "type" TEXT,
    "text_value" TEXT,
    "long_value" INTEGER,
    "double_value" REAL,
    "bytes_value" BLOB,
    "info" BLOB,
    "created_ms" INTEGER,
    "removal_ms" INTEGER,
    "sequence" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT;
CREATE INDEX decision_input_instance_id ON decision_input ("instance_id");
CREATE INDEX decision_input_decision_instance_id ON decision_input ("decision_instance_id");

CREATE TABLE decision_output (
    "shard" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "root_id" TEXT,
    "instance_id" TEXT,
    "decision_instance_id" TEXT,
    "clause_id" TEXT,
    "clause_name" TEXT,
    "rule_id" TEXT,
    "rule_order" INTEGER,
    "variable_name" TEXT,
    "type" TEXT,
    "text_value" TEXT,
    "long_value" INTEGER,
    "double_value" REAL,
    "bytes_value" BLOB,
    "info" BLOB,
    "created_ms" INTEGER,
    "removal_ms" INTEGER,
    "sequence" INTEGER,
    PRIMARY KEY ("shard", "id")
) STRICT;
CREATE INDEX decision_output_instance_id ON decision_output ("instance_id");
CREATE INDEX decision_output_decision_instance_id ON decision_output ("decision_instance_id");
