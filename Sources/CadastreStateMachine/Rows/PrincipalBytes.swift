internal import CadastreProtocol

/// A principal as it is stored and hashed.
///
/// A byte for its kind, then
///
/// | kind | what follows |
/// |---|---|
/// | 1 node | its number, 8 bytes little-endian |
/// | 2 operator, 3 service | the name |
/// | 4 tenant | a byte for the size of the tenant's name, that name, the name |
enum PrincipalBytes {
    /// The bytes of a principal.
    static func encode(_ principal: Principal) -> [UInt8] {
        switch principal {
        case .node(let number): [1] + (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        case .operator(let name): [2] + name
        case .service(let name): [3] + name
        case .tenant(let tenant, let name):
            [4, UInt8(clamping: tenant.count)] + tenant + name
        }
    }

    /// The principal of these bytes; nil if they follow no layout.
    static func decode(_ bytes: [UInt8]) -> Principal? {
        switch bytes.first {
        case 1 where bytes.count == 9:
            .node(bytes.dropFirst().reversed().reduce(0) { $0 << 8 | UInt64($1) })
        case 2: .operator(name: Array(bytes.dropFirst()))
        case 3: .service(name: Array(bytes.dropFirst()))
        case 4 where bytes.count >= 2 && bytes.count >= 2 + Int(bytes[1]):
            .tenant(
                tenant: Array(bytes[2..<2 + Int(bytes[1])]),
                name: Array(bytes[(2 + Int(bytes[1]))...])
            )
        default: nil
        }
    }
}
