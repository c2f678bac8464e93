/** A machine around the vCPUs: devices, firmware tables, boot loaders, and the guests' images. */
module redoubt.machine {
    requires transitive redoubt.hypervisor;
    requires static org.jspecify;
    requires org.apache.commons.compress;
    requires org.tukaani.xz;
    requires tools.jackson.databind;
    requires java.net.http;
    requires org.slf4j;

    exports redoubt.machine;
    exports redoubt.machine.boot;
    exports redoubt.machine.device;
    exports redoubt.enclave;
    exports redoubt.image;
}
