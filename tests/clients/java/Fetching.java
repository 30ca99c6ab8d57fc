import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import org.camunda.bpm.client.ExternalTaskClient;
import org.camunda.bpm.client.ExternalTaskClientBuilder;
import org.camunda.bpm.client.task.ExternalTask;
import org.camunda.bpm.client.task.ExternalTaskHandler;
import org.camunda.bpm.client.topic.TopicSubscriptionBuilder;

/** Runs the client until it has handled some tasks. */
final class Fetching {

    static final String WORKER = "java";

    private Fetching() {}

    /** A client with nothing set but short polls. */
    static ExternalTaskClientBuilder client(Rig rig) {
        return ExternalTaskClient.create().baseUrl(rig.url).workerId(WORKER).asyncResponseTimeout(200);
    }

    /** The first task of a topic, when its handler has run. Whatever the handler throws is thrown here. */
    static ExternalTask one(Rig rig, String topic, ExternalTaskHandler handler) {
        return some(client(rig), topic, 1, builder -> builder, handler).get(0);
    }

    static ExternalTask one(
            Rig rig, String topic, UnaryOperator<TopicSubscriptionBuilder> how, ExternalTaskHandler handler) {
        return some(client(rig), topic, 1, how, handler).get(0);
    }

    /** The first tasks of a topic, in the order in which they came. */
    static List<ExternalTask> some(
            ExternalTaskClientBuilder builder,
            String topic,
            int count,
            UnaryOperator<TopicSubscriptionBuilder> how,
            ExternalTaskHandler handler) {
        List<ExternalTask> tasks = Collections.synchronizedList(new ArrayList<>());
        List<Throwable> errors = Collections.synchronizedList(new ArrayList<>());
        ExternalTaskClient client = builder.build();
        how.apply(client.subscribe(topic))
                .handler((task, service) -> {
                    try {
                        handler.execute(task, service);
                    } catch (Throwable error) {
                        errors.add(error);
                    }
                    tasks.add(task);
                })
                .open();
        try {
            Rig.until(count + " tasks of " + topic, () -> tasks.size() >= count);
        } finally {
            client.stop();
        }
        if (!errors.isEmpty()) {
            throw new AssertionError(errors.get(0));
        }
        return tasks;
    }
}
