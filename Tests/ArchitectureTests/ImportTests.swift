import Foundation
import Testing

/// Who may import whom: the picture in the README, as a table.
@Suite
struct ImportTests {
    /// Everything a target may import.
    ///
    /// What is not listed here is an arrow that nobody drew.
    static let allowed: [(target: String, imports: Set<String>)] = [
        ("RaftCore", []),
        ("CadastreDisk", ["CChecksum", "CWriteback", "COpenSSL", "Glibc"]),
        ("CadastreProtocol", ["RaftCore", "SwiftProtobuf", "Foundation", "FoundationEssentials"]),
        ("CadastreStorage", ["RaftCore", "CadastreDisk", "CLZ4"]),
        (
            "CadastreStateMachine",
            ["CadastreProtocol", "CadastreDisk", "RaftCore", "CSQLite", "Glibc"]
        ),
        (
            "CadastreNode",
            [
                "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage",
                "CadastreStateMachine", "DequeModule",
            ]
        ),
        ("CadastreHistory", ["CadastreProtocol"]),
        (
            "CadastreSimulation",
            [
                "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage",
                "CadastreStateMachine", "CadastreNode", "CadastreHistory", "Glibc",
            ]
        ),
        ("CadastreTLS", ["COpenSSL", "NIOCore", "NIOConcurrencyHelpers", "Glibc"]),
        (
            "CadastreRuntime",
            [
                "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage",
                "CadastreStateMachine", "CadastreNode", "CadastreTLS", "NIOCore", "NIOPosix",
                "NIOConcurrencyHelpers", "NIOHTTP1", "Logging", "Metrics", "CoreMetrics",
                "ServiceLifecycle", "UnixSignals",
                "Configuration", "SwiftProtobuf", "DequeModule", "Foundation", "Glibc",
                "Synchronization", "Dispatch",
            ]
        ),
        (
            "CadastreClient",
            [
                "RaftCore", "CadastreProtocol", "CadastreTLS", "NIOCore", "NIOPosix",
                "SwiftProtobuf", "Synchronization", "Foundation", "Glibc",
            ]
        ),
        ("cadastred", ["CadastreRuntime", "ArgumentParser", "Foundation", "Glibc"]),
        (
            "cadastre",
            [
                "CadastreClient", "CadastreProtocol", "CadastreTLS", "CadastreStorage",
                "CadastreDisk", "CadastreHistory", "RaftCore", "ArgumentParser", "Histogram",
                "SwiftProtobuf", "Foundation", "Glibc", "Synchronization", "Dispatch",
            ]
        ),
        (
            "cadastre-sim",
            [
                "CadastreSimulation", "CadastreHistory", "ArgumentParser", "Foundation", "Glibc",
                "Dispatch", "Synchronization",
            ]
        ),
        ("cadastre-wan", ["NIOCore", "NIOPosix", "DequeModule", "ArgumentParser", "Foundation"]),
    ]

    @Test(arguments: allowed.map(\.target))
    func `a target imports only what its place in the picture allows`(target: String) throws {
        let permitted = try #require(Self.allowed.first { $0.target == target }).imports
        for file in try Repository.files(of: target) {
            for line in file.lines {
                guard let module = Self.importedModule(line) else { continue }
                #expect(permitted.contains(module), "\(file) imports \(module)")
            }
        }
    }

    @Test
    func `only four files' folders speak to the C libraries`() throws {
        let homes = [
            "CSQLite": ["Sources/CadastreStateMachine/SQLite/"],
            "CLZ4": ["Sources/CadastreStorage/LZ4"],
            "COpenSSL": ["Sources/CadastreTLS/", "Sources/CadastreDisk/SHA256"],
            "CChecksum": ["Sources/CadastreDisk/Checksum"],
            "CWriteback": ["Sources/CadastreDisk/PosixDisk"],
        ]
        for (target, _) in Self.allowed {
            for file in try Repository.files(of: target) {
                for module in file.lines.compactMap(Self.importedModule) {
                    guard let home = homes[module] else { continue }
                    #expect(
                        home.contains { file.path.hasPrefix($0) },
                        "\(file) imports \(module), which belongs to \(home)"
                    )
                }
            }
        }
    }

    /// The module that a line imports, whatever stands before the word.
    static func importedModule(_ line: String) -> String? {
        let words = line.split(separator: " ").map(String.init)
        guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
            words[..<place].allSatisfy({
                ["public", "package", "internal", "private", "fileprivate"].contains($0)
                    || $0.hasPrefix("@")
            })
        else { return nil }
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let"]
        let named = kinds.contains(words[place + 1]) ? words[place + 2] : words[place + 1]
        return named.split(separator: ".").first.map(String.init)
    }
}
