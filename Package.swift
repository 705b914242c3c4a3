// swift-tools-version: 6.2
// Targets in dependency order: each may import only what stands above it and is named in its list.

import PackageDescription

/// Settings of the test targets: the same without strict memory safety, which macros trip.
let test: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Settings of every target that ships: strict memory safety as well.
let product: [SwiftSetting] = test + [.strictMemorySafety()]

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioLocks: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let arguments: Target.Dependency = .product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle",
    package: "swift-service-lifecycle"
)
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let configuration: Target.Dependency = .product(
    name: "Configuration",
    package: "swift-configuration"
)
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "cadastre",
    products: [
        .library(name: "CadastreClient", targets: ["CadastreClient"]),
        .library(name: "RaftCore", targets: ["RaftCore"]),
        .executable(name: "cadastred", targets: ["cadastred"]),
        .executable(name: "cadastre", targets: ["cadastre"]),
        .executable(name: "cadastre-sim", targets: ["cadastre-sim"]),
        .executable(name: "cadastre-wan", targets: ["cadastre-wan"]),
        .executable(name: "cadastre-counts", targets: ["cadastre-counts"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(
            url: "https://github.com/apple/swift-configuration",
            from: "1.4.0",
            traits: ["JSON", "CommandLineArguments"]
        ),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // The system's C libraries, each imported by one target of ours.
        .systemLibrary(
            name: "CSQLite",
            pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]
        ),
        .systemLibrary(
            name: "COpenSSL",
            pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"])]
        ),
        .systemLibrary(
            name: "CLZ4",
            pkgConfig: "liblz4",
            providers: [.apt(["liblz4-dev"])]
        ),
        // CRC32C: SSE 4.2 with run-time dispatch, and a portable fallback.
        .target(name: "CChecksum"),
        // sync_file_range(2), which Swift's Glibc does not show.
        .target(name: "CWriteback"),

        // Decides: Raft as a pure, copyable value. Imports nothing.
        .target(name: "RaftCore", swiftSettings: product),

        // Keeps bytes: files, CRC32C, SHA-256; a real disk and a simulated one.
        .target(
            name: "CadastreDisk",
            dependencies: ["CChecksum", "CWriteback", "COpenSSL"],
            swiftSettings: product
        ),

        // Names: commands, queries, replies, refusals, limits, frames. Foundation stops here.
        .target(
            name: "CadastreProtocol",
            dependencies: ["RaftCore", protobuf],
            exclude: ["Schema", "generate"],
            swiftSettings: product
        ),

        // Remembers: the entry layout and the journal.
        .target(
            name: "CadastreStorage",
            dependencies: ["RaftCore", "CadastreDisk", "CLZ4"],
            swiftSettings: product
        ),

        // Applies: commands to rows in SQLite; answers queries.
        .target(
            name: "CadastreStateMachine",
            dependencies: ["CadastreProtocol", "CadastreDisk", "RaftCore", "CSQLite"],
            swiftSettings: product
        ),

        // Orchestrates: one node in three stages. No thread, no clock.
        .target(
            name: "CadastreNode",
            dependencies: [
                "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage",
                "CadastreStateMachine", collections,
            ],
            swiftSettings: product
        ),

        // Judges: what clients saw, and whether any order explains it.
        .target(
            name: "CadastreHistory",
            dependencies: ["CadastreProtocol"],
            swiftSettings: product
        ),

        // Tortures: a whole cluster in one thread, from one seed.
        .target(
            name: "CadastreSimulation",
            dependencies: [
                "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage",
                "CadastreStateMachine", "CadastreNode", "CadastreHistory",
            ],
            swiftSettings: product
        ),

        // TLS 1.3 on SwiftNIO with the system's OpenSSL, and the certificates it asks for.
        .target(
            name: "CadastreTLS",
            dependencies: ["COpenSSL", nio, nioLocks],
            swiftSettings: product
        ),

        // Hosts: threads, sockets, timers, configuration, metrics, the door.
        .target(
            name: "CadastreRuntime",
            dependencies: [
                "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage",
                "CadastreStateMachine", "CadastreNode", "CadastreTLS", nio, nioLocks, nioPosix,
                nioHTTP1, logging, metrics, coreMetrics, lifecycle, signals, configuration,
                collections,
            ],
            swiftSettings: product
        ),

        // Asks: the Swift client library.
        .target(
            name: "CadastreClient",
            dependencies: ["RaftCore", "CadastreProtocol", "CadastreTLS", nio, nioPosix],
            swiftSettings: product
        ),

        // The programs: a node, the operator's tool, the simulator.
        .executableTarget(
            name: "cadastred",
            dependencies: ["CadastreRuntime", arguments],
            swiftSettings: product
        ),
        .executableTarget(
            name: "cadastre",
            dependencies: [
                "CadastreClient", "CadastreProtocol", "CadastreTLS", "CadastreStorage",
                "CadastreDisk", "CadastreHistory", "RaftCore", arguments, histogram,
            ],
            swiftSettings: product
        ),
        .executableTarget(
            name: "cadastre-sim",
            dependencies: ["CadastreSimulation", "CadastreHistory", arguments],
            swiftSettings: product
        ),

        // Delays: gives the sites of a cluster on one machine their round trips.
        .executableTarget(
            name: "cadastre-wan",
            dependencies: [arguments, collections, nio, nioPosix],
            swiftSettings: product
        ),

        // Counts: what a fixed stream of commands costs in writes, syncs and frames, for the gate
        // Benchmarks/check. The package in Benchmarks measures times with the same commands.
        .target(
            name: "BenchmarkLoad",
            dependencies: [
                "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage",
                "CadastreStateMachine",
            ],
            path: "Benchmarks/Load",
            swiftSettings: product
        ),
        .executableTarget(
            name: "cadastre-counts",
            dependencies: [
                "BenchmarkLoad", "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage",
                "CadastreStateMachine", "CadastreNode",
            ],
            path: "Benchmarks/Counts",
            swiftSettings: test
        ),

        // Threads of their own for tests that compute for long, so that the others get theirs.
        .target(name: "TestLanes", path: "Tests/TestLanes", swiftSettings: test),
        .testTarget(
            name: "RaftCoreTests",
            dependencies: ["RaftCore", "TestLanes"],
            exclude: ["Scripts"],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreDiskTests",
            dependencies: ["CadastreDisk"],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreProtocolTests",
            dependencies: ["CadastreProtocol", "RaftCore", protobuf],
            exclude: ["Golden"],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreStorageTests",
            dependencies: ["CadastreStorage", "CadastreDisk", "RaftCore", "TestLanes"],
            exclude: ["Golden"],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreStateMachineTests",
            dependencies: [
                "CadastreStateMachine", "CadastreProtocol", "CadastreDisk", "RaftCore", "TestLanes",
            ],
            exclude: ["Scripts", "Golden"],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreNodeTests",
            dependencies: [
                "CadastreNode", "CadastreStorage", "CadastreStateMachine", "CadastreProtocol",
                "CadastreDisk", "RaftCore",
            ],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreHistoryTests",
            dependencies: ["CadastreHistory"],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreSimulationTests",
            dependencies: [
                "CadastreSimulation", "CadastreNode", "CadastreStateMachine", "CadastreStorage",
                "CadastreProtocol", "CadastreDisk", "RaftCore", "CadastreHistory", "TestLanes",
            ],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreTLSTests",
            dependencies: ["CadastreTLS", nio, nioPosix, nioEmbedded],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreRuntimeTests",
            dependencies: [
                "CadastreRuntime", "CadastreNode", "CadastreStateMachine", "CadastreProtocol",
                "CadastreTLS", "RaftCore", "TestLanes", nio, nioPosix, nioEmbedded, coreMetrics,
                metrics,
                logging,
            ],
            swiftSettings: test
        ),
        .testTarget(
            name: "CadastreClientTests",
            dependencies: ["CadastreClient", "CadastreProtocol", "CadastreTLS", nio, nioPosix],
            swiftSettings: test
        ),
        .testTarget(
            name: "CLITests",
            dependencies: ["cadastre", "CadastreClient", "CadastreProtocol", "CadastreHistory"],
            swiftSettings: test
        ),
        .testTarget(
            name: "WANTests",
            dependencies: ["cadastre-wan", nio, nioEmbedded],
            swiftSettings: test
        ),
        .testTarget(
            name: "DecoderTests",
            dependencies: [
                "CadastreProtocol", "CadastreStorage", "CadastreRuntime", "cadastre",
                "CadastreDisk", "RaftCore",
            ],
            exclude: ["Corpus"],
            swiftSettings: test
        ),
        .testTarget(name: "ClusterTests", swiftSettings: test),
        .testTarget(name: "ArchitectureTests", swiftSettings: test),
    ],
    swiftLanguageModes: [.v6]
)

// What tests compute with for minutes, optimised, in a debug build otherwise (Cluster/test): the
// product's own stages and the simulator. Only `assert` is lost by it; exclusivity is still checked.
if Context.environment["CADASTRE_OPTIMISED"] != nil {
    let computing: Set = [
        "RaftCore", "CadastreDisk", "CadastreProtocol", "CadastreStorage", "CadastreStateMachine",
        "CadastreNode", "CadastreHistory", "CadastreSimulation",
    ]
    for target in package.targets where computing.contains(target.name) {
        target.swiftSettings?.append(
            .unsafeFlags(["-O"], .when(configuration: .debug))
        )
    }
}

// Some tests alone, and what they need: for the sanitizers, which compile everything once more
// (Cluster/nightly).
if let chosen = Context.environment["CADASTRE_TESTS"]?.split(separator: ",").map(String.init) {
    package.products.removeAll()
    package.targets.removeAll { target in
        switch target.type {
        case .test: !chosen.contains(target.name)
        case .executable: true
        default: target.name == "CadastreSimulation" || target.name == "BenchmarkLoad"
        }
    }
}
