import Glibc
import Testing

@testable import CadastreRuntime

/// How a process ends that ran a node.
@Suite
struct ProgramEndTests {
    /// A handler of exit(3) of OpenSSL took away what a handshake on an event loop was using, so that a
    /// node whose disk had failed ended with SIGSEGV instead of 74.
    @Test
    func `nothing is taken down while its threads run`() async {
        await #expect(processExitsWith: .exitCode(74)) {
            _ = atexit { _exit(1) }
            NodeProgram.end(74)
        }
    }
}
