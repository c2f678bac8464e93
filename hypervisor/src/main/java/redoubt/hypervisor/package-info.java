/**
 * The hypervisor between guest and processor, in KVM's vocabulary: the kernel's Documentation/virt/kvm/api.rst and, for SGX,
 * the series "x86/sgx: KVM: Add SGX virtualization" of 2019, which it answers patch by patch.
 *
 * <p>A guest with SGX, from the host's package to its first instruction:
 *
 * <pre>{@code
 * HostSgx host = new HostSgx(new SgxPackage(new Epc(arena, pages), capabilities, root, boot));
 * CpuidPolicy cpuid = CpuidPolicy.supported(processor, host)          // KVM_GET_SUPPORTED_CPUID
 *         .without(Feature.SGX2)
 *         .withEpc(new CpuModel.EpcSection(epcBase, epcBytes));
 * try (Vm vm = new Vm(cpuid.model(), platform, host);                 // KVM_CREATE_VM, KVM_SET_CPUID2
 *         ProvisionHandle provision = host.openProvision()) {         // open("/dev/sgx_provision")
 *     vm.setMemslot(0, vm.allocate(ramBytes));                        // KVM_SET_USER_MEMORY_REGION
 *     vm.addVirtualEpc(epcBase, host.openVirtualEpc(epcBytes));       // open and mmap("/dev/sgx_vepc")
 *     vm.enableCapability(Capability.SGX_ATTRIBUTE, provision);       // KVM_ENABLE_CAP
 *     Vcpu vcpu = vm.createVcpu(0, apic);                             // KVM_CREATE_VCPU
 *     vcpu.msr(Msrs.FEATURE_CONTROL, Msrs.LOCK | Msrs.SGX_ENABLE);    // KVM_SET_MSRS
 *     VmExit exit = vcpu.run(1_000_000);                              // KVM_RUN
 * }
 * }</pre>
 *
 * <p>The patches. Each has a test of its number in {@code SgxSeriesTest}; where mainline came out otherwise than the series,
 * mainline's behaviour is built.
 *
 * <table>
 * <caption>Patch, title, where it is</caption>
 * <tr><td>01</td><td>Add defines for SGX device minor numbers</td><td>{@link HostSgx.Device}</td></tr>
 * <tr><td>02</td><td>Move bus registration and device init to common code</td><td>{@link HostSgx}</td></tr>
 * <tr><td>03</td><td>Move provisioning device to common code</td><td>{@link ProvisionHandle}</td></tr>
 * <tr><td>04</td><td>Add /dev/sgx/virt_epc for KVM</td><td>{@link VirtualEpc}, {@code redoubt.sgx.HostLeaves}</td></tr>
 * <tr><td>05</td><td>Expose SGX architectural definitions</td><td>{@code redoubt.sgx}, for processor, host and tools</td></tr>
 * <tr><td>06</td><td>Add SGX sub-features to the reverse CPUID table</td><td>{@link CpuidPolicy#feature}, {@code
 * redoubt.x86.Feature}</td></tr>
 * <tr><td>07</td><td>WARN on a CPUID index other than 0</td><td>{@link CpuidPolicy#entries(int, int)}</td></tr>
 * <tr><td>08</td><td>Add a hook for "may this be emulated"</td><td>{@code redoubt.cpu.DeviceAccess}, {@link Vcpu}</td></tr>
 * <tr><td>09</td><td>Handle VM exits from enclaves (not for nested guests)</td><td>{@link ExitInformation},
 * {@link Vcpu#interrupt}</td></tr>
 * <tr><td>10</td><td>Export the translation of guest-linear addresses</td><td>{@code EnclsExits}</td></tr>
 * <tr><td>11</td><td>Export the propagation of page faults (not for nested guests)</td><td>{@code EnclsExits}</td></tr>
 * <tr><td>12</td><td>Define the SGX bit of page-fault error codes</td><td>{@code redoubt.sgx}</td></tr>
 * <tr><td>13</td><td>Move the EINIT helper into the driver</td><td>{@code LaunchKeyRegisters}</td></tr>
 * <tr><td>14</td><td>Add helpers for ECREATE and EINIT</td><td>{@code EnclsExits}, {@code SgxUnit.ecreate}</td></tr>
 * <tr><td>15</td><td>Add a handler for ECREATE</td><td>{@code EnclsExits}, {@code GuestSgx}</td></tr>
 * <tr><td>16</td><td>Emulate the launch-key hash MSRs</td><td>{@code LaunchControlMsrs}, {@link Vcpu#msr(int)}</td></tr>
 * <tr><td>17</td><td>Add a handler for EINIT</td><td>{@code EnclsExits}, {@code LaunchKeyRegisters}</td></tr>
 * <tr><td>18</td><td>Update the guest's CPUID before it is used</td><td>{@link CpuidPolicy#set}</td></tr>
 * <tr><td>19</td><td>Enable SGX virtualization (not for nested guests)</td><td>{@code EnclsBitmap},
 * {@link CpuidPolicy#supported}</td></tr>
 * <tr><td>20</td><td>Export the grant of an attribute</td><td>{@link Vm#enableCapability}</td></tr>
 * <tr><td>21</td><td>Add KVM_CAP_SGX_ATTRIBUTE</td><td>{@link Capability}, {@link Vm#enableCapability}</td></tr>
 * </table>
 *
 * <p>Beyond the series: {@link EpcReclaimer}.
 *
 * <p>Must not know: devices, operating systems, files. Start reading at {@link redoubt.hypervisor.Vm}.
 */
@NullMarked
package redoubt.hypervisor;

import org.jspecify.annotations.NullMarked;
