import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;

/** Reads requests, runs checks, answers: `remote.py` says how. Arguments: address of the REST API, folder of models. */
public final class Runner {

    private static final String ANSWER = "@answer ";

    public static void main(String[] args) throws Exception {
        Rig rig = new Rig(args[0], Path.of(args[1]));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode request = Rig.JSON.readTree(line);
            String[] check = request.get("check").asText().split(":");
            out.println(ANSWER + Rig.JSON.writeValueAsString(Map.of("failure", failure(rig, check[0], check[1]))));
        }
        System.exit(0); // whatever threads a failed check has left
    }

    /** What went wrong; empty when nothing did. */
    private static String failure(Rig rig, String file, String name) throws ReflectiveOperationException {
        Method check = Class.forName(file).getDeclaredMethod("check_" + name, Rig.class);
        try {
            check.invoke(null, rig);
            return "";
        } catch (InvocationTargetException error) {
            StringWriter text = new StringWriter();
            error.getCause().printStackTrace(new PrintWriter(text));
            return text.toString();
        }
    }
}
