/** What people touch: the command line. */
module redoubt.app {
    requires redoubt.machine;
    requires static org.jspecify;
    requires info.picocli;
    requires org.bouncycastle.provider;
    requires tools.jackson.databind;
    requires org.jline.terminal;
    requires ch.qos.logback.classic;

    opens redoubt.cli to
            info.picocli;
}
