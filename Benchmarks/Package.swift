// swift-tools-version: 6.2
// What single steps cost in time. A package of its own, so that the product does not depend on a
// benchmark library; its default traits ask for interposers that count allocations, and without them
// it builds anywhere.
//
// What is measured is `package`, so the product's targets are built here once more, as in Tests/Fuzz:
// `Sources` is a link.

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]
let product: [SwiftSetting] = settings + [.strictMemorySafety()]

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioLocks: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")

/// A group of benchmarks, each file about one step.
func benchmarks(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies + [.product(name: "Benchmark", package: "benchmark")],
        path: "Benchmarks/\(name)",
        swiftSettings: settings,
        plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
    )
}

let package = Package(
    name: "cadastre-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .systemLibrary(name: "CSQLite", path: "Sources/CSQLite", pkgConfig: "sqlite3"),
        .systemLibrary(name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "openssl"),
        .systemLibrary(name: "CLZ4", path: "Sources/CLZ4", pkgConfig: "liblz4"),
        .target(name: "CChecksum", path: "Sources/CChecksum"),
        .target(name: "CWriteback", path: "Sources/CWriteback"),
        .target(name: "RaftCore", path: "Sources/RaftCore", swiftSettings: product),
        .target(
            name: "CadastreDisk",
            dependencies: ["CChecksum", "CWriteback", "COpenSSL"],
            path: "Sources/CadastreDisk",
            swiftSettings: product
        ),
        .target(
            name: "CadastreProtocol",
            dependencies: ["RaftCore", protobuf],
            path: "Sources/CadastreProtocol",
            exclude: ["Schema", "generate"],
            swiftSettings: product
        ),
        .target(
            name: "CadastreStorage",
            dependencies: ["RaftCore", "CadastreDisk", "CLZ4"],
            path: "Sources/CadastreStorage",
            swiftSettings: product
        ),
        .target(
            name: "CadastreStateMachine",
            dependencies: ["CadastreProtocol", "CadastreDisk", "RaftCore", "CSQLite"],
            path: "Sources/CadastreStateMachine",
            swiftSettings: product
        ),
        .target(
            name: "CadastreTLS",
            dependencies: ["COpenSSL", nio, nioLocks],
            path: "Sources/CadastreTLS",
            swiftSettings: product
        ),

        // The commands that are measured, the same as those that Benchmarks/check counts.
        .target(
            name: "BenchmarkLoad",
            dependencies: [
                "RaftCore", "CadastreProtocol", "CadastreDisk", "CadastreStorage",
                "CadastreStateMachine",
            ],
            path: "Load",
            swiftSettings: product
        ),

        benchmarks("RaftCoreBenchmarks", ["RaftCore"]),
        benchmarks(
            "RecordBenchmarks",
            ["BenchmarkLoad", "CadastreProtocol", "CadastreStorage", "CadastreDisk", "RaftCore"]
        ),
        benchmarks(
            "JournalBenchmarks",
            ["BenchmarkLoad", "CadastreProtocol", "CadastreStorage", "CadastreDisk", "RaftCore"]
        ),
        benchmarks(
            "StateMachineBenchmarks",
            ["BenchmarkLoad", "CadastreProtocol", "CadastreStateMachine", "CadastreDisk"]
        ),
        benchmarks(
            "WireBenchmarks",
            ["BenchmarkLoad", "CadastreProtocol", "CadastreTLS", nio, nioEmbedded]
        ),
    ],
    swiftLanguageModes: [.v6]
)
