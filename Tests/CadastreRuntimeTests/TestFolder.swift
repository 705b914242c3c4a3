import CadastreTLS
import Foundation

@testable import CadastreRuntime

/// Certificates and a configuration made once for all tests of this process.
final class TestFolder: Sendable {
    static let shared = TestFolder()

    /// The folder of a development cluster.
    let path = NSTemporaryDirectory() + "cadastre-runtime-tests-" + UUID().uuidString

    private init() {
        do {
            _ = try DevelopmentCluster(directory: path, port: 1)
        } catch {
            fatalError("no certificates for the tests: \(error)")
        }
        atexit {
            do {
                try FileManager.default.removeItem(atPath: TestFolder.shared.path)
            } catch {
                // What is left is in the folder for temporary files.
            }
        }
    }

    /// What a node shows to those who connect.
    func serverTLS() throws -> TLSContextSource {
        TLSContextSource(try TLSContext(credentials("node-server"), for: .server))
    }

    /// What one identity shows.
    func chain(_ name: String) throws -> PeerChain {
        try PeerChain(contentsOf: "\(path)/pki/\(name).pem")
    }

    /// The files of one identity.
    func credentials(_ name: String) -> Credentials {
        Credentials(
            certificate: "\(path)/pki/\(name).pem",
            key: "\(path)/pki/\(name).key",
            roots: ["\(path)/pki/root.pem"]
        )
    }
}
