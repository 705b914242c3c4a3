// swift-tools-version: 6.2
// The decoders of the product and the rules of Tests/DecoderTests, instrumented for libFuzzer.
//
// A package of its own: the product's targets are built here once more, and of those that hold more
// than decoders only the files that decode. `Sources` and `Decoders` are links. See Cluster/fuzz.

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Counts the branches taken, and tells libFuzzer what was compared.
let watched: [SwiftSetting] =
    settings + [
        .unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])
    ]

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")

let package = Package(
    name: "fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "openssl"),
        .systemLibrary(name: "CLZ4", path: "Sources/CLZ4", pkgConfig: "liblz4"),
        .target(name: "CChecksum", path: "Sources/CChecksum"),
        .target(name: "CWriteback", path: "Sources/CWriteback"),
        .target(name: "RaftCore", path: "Sources/RaftCore", swiftSettings: watched),
        .target(
            name: "CadastreDisk",
            dependencies: ["CChecksum", "CWriteback", "COpenSSL"],
            path: "Sources/CadastreDisk",
            swiftSettings: watched
        ),
        .target(
            name: "CadastreProtocol",
            dependencies: ["RaftCore", protobuf],
            path: "Sources/CadastreProtocol",
            exclude: ["Schema", "generate"],
            swiftSettings: watched
        ),
        .target(
            name: "CadastreStorage",
            dependencies: ["RaftCore", "CadastreDisk", "CLZ4"],
            path: "Sources/CadastreStorage",
            swiftSettings: watched
        ),
        .target(
            name: "CadastreTLS",
            path: "Sources/CadastreTLS",
            sources: ["Identity.swift", "Limits.swift", "TLSRefusal.swift"],
            swiftSettings: watched
        ),
        .target(
            name: "CadastreRuntime",
            dependencies: [
                "CadastreProtocol", "CadastreTLS", "RaftCore", nio,
                .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            path: "Sources/CadastreRuntime",
            sources: [
                "Limits.swift", "Configuration/ConfigurationError.swift",
                "Configuration/GenesisFile.swift", "Configuration/GenesisPolicy.swift",
                "Configuration/Setting.swift", "Configuration/Settings.swift",
                "Configuration/SettingsCheck.swift", "Configuration/StrictJSON.swift",
            ],
            swiftSettings: watched
        ),
        .target(
            name: "cadastre",
            path: "Sources/cadastre",
            sources: [
                "Formats/CSV.swift", "Formats/Inventory.swift", "Formats/InventoryColumns.swift",
                "Formats/Timestamp.swift", "Formats/URLCoding.swift",
            ],
            swiftSettings: watched
        ),
        .target(
            name: "Decoders",
            dependencies: [
                "CadastreProtocol", "CadastreStorage", "CadastreRuntime", "cadastre",
                "CadastreDisk", "RaftCore",
            ],
            path: "Decoders",
            swiftSettings: watched
        ),
        .executableTarget(
            name: "fuzz",
            dependencies: ["Decoders"],
            path: "Program",
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)
