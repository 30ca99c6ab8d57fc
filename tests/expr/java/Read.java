import java.io.ByteArrayInputStream;
import java.io.ObjectInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.Map;
import java.util.Scanner;
import java.util.StringJoiner;

/** Reads one serialised value in base64 per line and says what it is: class and content, nested. */
public class Read {
    public static void main(String[] arguments) throws Exception {
        try (Scanner lines = new Scanner(System.in, StandardCharsets.UTF_8)) {
            while (lines.hasNextLine()) {
                byte[] bytes = Base64.getDecoder().decode(lines.nextLine());
                try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
                    Object value = in.readObject();
                    System.out.println(said(value) + (in.read() == -1 ? "" : " and more"));
                }
            }
        }
    }

    private static String said(Object value) {
        if (value == null) {
            return "null";
        }
        String name = value.getClass().getSimpleName();
        StringJoiner inside = new StringJoiner(",", name + "(", ")");
        if (value instanceof Map<?, ?> map) {
            map.forEach((key, item) -> inside.add(said(key) + "=" + said(item)));
            return inside.toString();
        }
        if (value instanceof Collection<?> items) {
            items.forEach(item -> inside.add(said(item)));
            return inside.toString();
        }
        if (value instanceof String text) {
            StringBuilder units = new StringBuilder();
            text.chars().forEach(unit -> units.append(unit < 32 || unit > 126 ? String.format("\\u%04x", unit) : "" + (char) unit));
            return units.length() > 100 ? "String[" + text.length() + "]" : inside.add(units).toString();
        }
        if (value instanceof byte[] bytes) {
            return "bytes(" + Base64.getEncoder().encodeToString(bytes) + ")";
        }
        return inside.add(value instanceof Date date ? "" + date.getTime() : value.toString()).toString();
    }
}
