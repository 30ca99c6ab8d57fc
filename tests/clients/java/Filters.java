import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.camunda.bpm.client.task.ExternalTask;
import org.camunda.bpm.client.topic.TopicSubscriptionBuilder;

/** What a subscription can be narrowed by. In each check one task fits and another, older one does not. */
final class Filters {

    private Filters() {}

    /** Fetches with this filter, twice as often as there is something that fits, and checks which came. */
    private static ExternalTask only(
            Rig rig, String topic, String instance, UnaryOperator<TopicSubscriptionBuilder> filter) {
        // A short poll first: with a filter that let everything through, it would bring the other task too.
        List<ExternalTask> tasks = Fetching.some(
                Fetching.client(rig).maxTasks(10), topic, 1, filter, (task, service) -> service.complete(task));
        Rig.equal(List.of(instance), tasks.stream().map(ExternalTask::getProcessInstanceId).toList());
        return tasks.get(0);
    }

    static void check_businessKey(Rig rig) {
        Rig.Work other = rig.work();
        String mine = rig.start(other.definition(), other.topic(), "mine", Map.of());
        only(rig, other.topic(), mine, builder -> builder.businessKey("mine"));
    }

    static void check_processDefinition(Rig rig) {
        Rig.Work other = rig.work();
        for (int number = 0; number < 4; number++) {
            String key = Rig.unique("work");
            String definition = rig.deploy(key, null);
            String mine = rig.start(definition, other.topic(), null, Map.of());
            List<UnaryOperator<TopicSubscriptionBuilder>> filters = List.of(
                    builder -> builder.processDefinitionId(definition),
                    builder -> builder.processDefinitionIdIn(definition, "another"),
                    builder -> builder.processDefinitionKey(key),
                    builder -> builder.processDefinitionKeyIn("another", key));
            only(rig, other.topic(), mine, filters.get(number));
        }
    }

    static void check_versionTag(Rig rig) {
        Rig.Work other = rig.work();
        String key = Rig.unique("work");
        String mine = rig.start(rig.deploy(key, null), other.topic(), null, Map.of());
        only(rig, other.topic(), mine, builder -> builder.processDefinitionVersionTag("1.2-" + key));
    }

    static void check_tenant(Rig rig) {
        String tenant = Rig.unique("tenant");
        String topic = Rig.unique("topic");
        String without = rig.start(rig.deploy(Rig.unique("work"), null), topic, null, Map.of());
        String definition = rig.deploy(Rig.unique("work"), tenant);
        String mine = rig.start(definition, topic, null, Map.of());
        ExternalTask task = only(rig, topic, mine, builder -> builder.tenantIdIn(tenant, "another"));
        Rig.equal(tenant, task.getTenantId());
        rig.start(definition, topic, null, Map.of());
        only(rig, topic, without, TopicSubscriptionBuilder::withoutTenantId);
    }

    static void check_processVariables(Rig rig) {
        Rig.Work other = rig.work(Map.of("country", Map.of("value", "AT"), "amount", Map.of("value", 5)));
        Map<String, Object> variables =
                Map.of("country", Map.of("value", "CH"), "amount", Map.of("value", 5), "flag", Map.of("value", true));
        String first = rig.start(other.definition(), other.topic(), null, variables);
        only(rig, other.topic(), first, builder -> builder.processVariableEquals("country", "CH"));
        String second = rig.start(other.definition(), other.topic(), null, variables);
        only(rig, other.topic(), second, builder ->
                builder.processVariablesEqualsIn(Map.of("country", "CH", "amount", 5, "flag", true)));
    }

    static void check_variables(Rig rig) {
        Rig.Work work = rig.work(Map.of("one", Map.of("value", 1), "two", Map.of("value", 2)));
        ExternalTask task = only(rig, work.topic(), work.instance(), builder -> builder.variables("one", "nope"));
        Rig.equal(Map.of("one", 1), task.getAllVariables());
    }

    static void check_localVariables(Rig rig) {
        Rig.Work work = rig.work(Map.of("one", Map.of("value", 1)));
        ExternalTask task = only(rig, work.topic(), work.instance(), builder -> builder.localVariables(true));
        Rig.equal(Map.of("inside", "only here"), task.getAllVariables());
    }

    static void check_extensionProperties(Rig rig) {
        Rig.Work work = rig.work();
        ExternalTask task =
                only(rig, work.topic(), work.instance(), builder -> builder.includeExtensionProperties(true));
        Rig.equal(Map.of("unit", "kg"), task.getExtensionProperties());
        Rig.equal("kg", task.getExtensionProperty("unit"));
    }
}
