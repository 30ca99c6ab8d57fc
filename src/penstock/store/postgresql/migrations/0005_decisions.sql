-- Decision definitions, decision requirements definitions, and the history of decisions. Bound to store/tables.py by a test.

CREATE TABLE decision_definition (
    "id" text COLLATE "C" NOT NULL,
    "key" text COLLATE "C",
    "version" bigint,
    "name" text COLLATE "C",
    "category" text COLLATE "C",
    "deployment_id" text COLLATE "C",
    "resource_name" text COLLATE "C",
    "diagram_name" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "version_tag" text COLLATE "C",
    "history_time_to_live" bigint,
    "requirements_id" text COLLATE "C",
    "requirements_key" text COLLATE "C",
    "deployed_ms" bigint,
    "latest" boolean,
    PRIMARY KEY ("id")
);
CREATE INDEX decision_definition_key_version ON decision_definition ("key", "version");
CREATE INDEX decision_definition_deployment_id ON decision_definition ("deployment_id");

CREATE TABLE decision_requirements_definition (
    "id" text COLLATE "C" NOT NULL,
    "key" text COLLATE "C",
    "version" bigint,
    "name" text COLLATE "C",
    "category" text COLLATE "C",
    "deployment_id" text COLLATE "C",
    "resource_name" text COLLATE "C",
    "diagram_name" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "deployed_ms" bigint,
    "latest" boolean,
    PRIMARY KEY ("id")
);
CREATE INDEX decision_requirements_definition_key_version ON decision_requirements_definition ("key", "version");
CREATE INDEX decision_requirements_definition_deployment_id ON decision_requirements_definition ("deployment_id");

CREATE TABLE decision_instance (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "definition_id" text COLLATE "C",
    "definition_key" text COLLATE "C",
    "tenant_id" text COLLATE "C",
    "decision_id" text COLLATE "C",
    "decision_key" text COLLATE "C",
    "decision_name" text COLLATE "C",
    "requirements_id" text COLLATE "C",
    "requirements_key" text COLLATE "C",
    "root_decision_instance_id" text COLLATE "C",
    "activity_id" text COLLATE "C",
    "activity_instance_id" text COLLATE "C",
    "evaluated_ms" bigint,
    "collected" double precision,
    "user_id" text COLLATE "C",
    "removal_ms" bigint,
    "sequence" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX decision_instance_instance_id ON decision_instance ("instance_id");
CREATE INDEX decision_instance_id ON decision_instance ("id");
CREATE INDEX decision_instance_decision_id ON decision_instance ("decision_id");
CREATE INDEX decision_instance_root_decision_instance_id ON decision_instance ("root_decision_instance_id") WHERE "root_decision_instance_id" IS NOT NULL;
CREATE INDEX decision_instance_evaluated_ms ON decision_instance ("evaluated_ms" NULLS FIRST);

CREATE TABLE decision_input (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "decision_instance_id" text COLLATE "C",
    "clause_id" text COLLATE "C",
    "clause_name" text COLLATE "C",
    "type" text COLLATE "C",
    "text_value" text COLLATE "C",
    "long_value" bigint,
    "double_value" double precision,
    "bytes_value" bytea,
    "info" bytea,
    "created_ms" bigint,
    "removal_ms" bigint,
    "sequence" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX decision_input_instance_id ON decision_input ("instance_id");
CREATE INDEX decision_input_decision_instance_id ON decision_input ("decision_instance_id");

CREATE TABLE decision_output (
    "shard" bigint NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "root_id" text COLLATE "C",
    "instance_id" text COLLATE "C",
    "decision_instance_id" text COLLATE "C",
    "clause_id" text COLLATE "C",
    "clause_name" text COLLATE "C",
    "rule_id" text COLLATE "C",
    "rule_order" bigint,
    "variable_name" text COLLATE "C",
    "type" text COLLATE "C",
    "text_value" text COLLATE "C",
    "long_value" bigint,
    "double_value" double precision,
    "bytes_value" bytea,
    "info" bytea,
    "created_ms" bigint,
    "removal_ms" bigint,
    "sequence" bigint,
    PRIMARY KEY ("shard", "id")
);
CREATE INDEX decision_output_instance_id ON decision_output ("instance_id");
CREATE INDEX decision_output_decision_instance_id ON decision_output ("decision_instance_id");
