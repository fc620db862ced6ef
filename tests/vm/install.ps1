#Requires -RunAsAdministrator
<#
.SYNOPSIS
Installs the driver of this package on a test machine.

.DESCRIPTION
Turns test signing on (that takes a restart: run the script again afterwards), trusts the package's
certificate, and installs the filter with netcfg, as Microsoft's page "NDIS Filter Driver
Installation" says.
#>
[CmdletBinding()]
param()
. (Join-Path $PSScriptRoot 'common.ps1')

Assert-Package

$build = [Environment]::OSVersion.Version.Build
if ($build -lt 19041) {
    throw "Framecast needs Windows 10 version 2004, build 19041, or later; this is build $build"
}

$inf = Join-Path $Package 'framecast.inf'
$packaged = if (Select-String -Path $inf -Pattern 'NTarm64' -Quiet) { 'Arm64' } else { 'X64' }
$machine = [Runtime.InteropServices.RuntimeInformation]::OSArchitecture
if ("$machine" -ne $packaged) {
    throw "this package is for $packaged, and this Windows for $machine"
}

if (-not (Test-TestSigning)) {
    # Where there is no UEFI, there is no Secure Boot, and the question is an error.
    $secure = try { Confirm-SecureBootUEFI } catch { $false }
    if ($secure) {
        throw 'Secure Boot forbids test signing; turn it off in the settings of the VM'
    }
    Set-TestSigning on
    Write-Host 'Test signing is on after a restart. Restart, then run this script again.'
    exit 3010
}

# Root makes the signatures good; TrustedPublisher keeps Windows from asking.
foreach ($store in 'Root', 'TrustedPublisher') {
    Import-Certificate -FilePath (Join-Path $Package 'framecast.cer') `
        -CertStoreLocation "Cert:\LocalMachine\$store" | Out-Null
}
foreach ($name in $Driver, 'framecast.cat', 'framecastctl.exe') {
    $signature = Get-AuthenticodeSignature (Join-Path $Package $name)
    if ($signature.Status -ne 'Valid') {
        throw "the signature of ${name}: $($signature.StatusMessage)"
    }
}

# NETCFG_S_REBOOT, 0x4A020, says that the rest is done at the next start of Windows.
Invoke-Program 'netcfg.exe' @('-v', '-l', $inf, '-c', 's', '-i', $Component) -Expected 0, 0x4A020

$state = Get-DriverState
$bindings = @(Get-Binding)
$bindings | Format-Table Name, DisplayName, Enabled | Out-Host
Write-Outcome -Step 'install' -Passed (($state -eq 'Running') -and ($bindings.Count -gt 0)) `
    -Detail "driver $state, bound to $($bindings.Count) adapters, Windows build $build"
