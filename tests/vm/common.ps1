# What the other scripts share. They dot-source it.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
# Programs say by their status how they ended, and it is looked at.
$PSNativeCommandUseErrorActionPreference = $false
# framecastctl prints UTF-8. Where there is no console, there is nothing to be set.
try { [Console]::OutputEncoding = [Text.Encoding]::UTF8 } catch { Write-Verbose "$_" }

if (-not [Environment]::Is64BitProcess) {
    throw 'this is a 32-bit PowerShell, which does not see the programs of Windows; use the other'
}

# The package is the folder above: cargo xtask package puts these scripts into its vm folder.
$Package = Split-Path -Parent $PSScriptRoot
$Component = 'framecast_lwf'
$Service = 'framecast'
$Driver = 'framecast.sys'
$Program = Join-Path $Package 'framecastctl.exe'
$Results = Join-Path $env:SystemDrive 'framecast-results'

# Runs a program, shows what it prints, and stops the script unless its exit status is expected.
function Invoke-Program {
    param(
        [Parameter(Mandatory)] [string] $Path,
        [string[]] $Arguments = @(),
        [int[]] $Expected = @(0)
    )
    Write-Host "> $Path $($Arguments -join ' ')"
    & $Path @Arguments | Out-Host
    if ($Expected -notcontains $LASTEXITCODE) {
        throw "$Path ended with status $LASTEXITCODE"
    }
}

# The adapters that the filter is bound to; none is no error.
function Get-Binding {
    Get-NetAdapterBinding -ComponentID $Component -ErrorAction SilentlyContinue |
        Where-Object Enabled
}

# The name of the adapter to test: the one that was asked for, else the first with a connection that
# the filter is bound to.
function Get-TestAdapter {
    param([string] $Name)
    if ($Name) { return $Name }
    $up = @(Get-NetAdapter | Where-Object Status -EQ 'Up' | ForEach-Object Name)
    $bound = @(Get-Binding | Where-Object { $up -contains $_.Name })
    if ($bound.Count -eq 0) {
        throw 'the filter is bound to no adapter with a connection; install.ps1 installs it'
    }
    $bound[0].Name
}

# Whether the driver serves an adapter that has a connection.
function Test-Adapter {
    param([Parameter(Mandatory)] [string] $Name)
    $adapter = Get-NetAdapter -Name $Name -ErrorAction SilentlyContinue
    if (-not $adapter -or $adapter.Status -ne 'Up') { return $false }
    $served = (& $Program adapters --json | Out-String | ConvertFrom-Json)
    $running = $served | Where-Object { $_.index -eq $adapter.ifIndex -and $_.state -eq 'running' }
    [bool] $running
}

# Waits until it does: what changes a stack returns before the stack is in place again.
function Wait-Adapter {
    param([Parameter(Mandatory)] [string] $Name)
    $until = (Get-Date).AddMinutes(1)
    while (-not (Test-Adapter $Name)) {
        if ((Get-Date) -gt $until) { throw "after a minute the driver does not serve $Name" }
        Start-Sleep -Milliseconds 500
    }
}

# Runs the self-test on an adapter. framecastctl knows adapters by their index: Windows has names for
# them that no driver sees.
function Invoke-SelfTest {
    param(
        [Parameter(Mandatory)] [string] $Adapter,
        [string[]] $Arguments = @()
    )
    & $Program selftest (Get-NetAdapter -Name $Adapter).ifIndex @Arguments
}

# Leaves one line for the verdict: collect.ps1 counts them.
function Write-Outcome {
    param(
        [Parameter(Mandatory)] [string] $Step,
        [Parameter(Mandatory)] [bool] $Passed,
        [string] $Detail = ''
    )
    New-Item -ItemType Directory -Force -Path $Results | Out-Null
    $outcome = [pscustomobject]@{
        Step   = $Step
        Passed = $Passed
        Detail = $Detail
        Time   = (Get-Date).ToUniversalTime().ToString('s')
    }
    $outcome | ConvertTo-Json -Compress |
        Set-Content -Encoding UTF8 -Path (Join-Path $Results "outcome-$Step.json")
    $outcome | Format-List | Out-Host
}

# Stops the script unless the files of the package are those that were packaged.
function Assert-Package {
    foreach ($line in Get-Content (Join-Path $Package 'SHA256SUMS')) {
        $sum, $name = $line -split '  ', 2
        $file = Join-Path $Package $name
        if ((Get-FileHash -Algorithm SHA256 -Path $file).Hash -ne $sum) {
            throw "$name is not the file that was packaged; copy the package again"
        }
    }
}

# The state of the driver, as 'Running' or 'Stopped'; 'missing' where it is not installed. Get-Service
# knows programs only.
function Get-DriverState {
    $found = Get-CimInstance -ClassName Win32_SystemDriver -Filter "Name = '$Service'"
    if ($found) { $found.State } else { 'missing' }
}

# Turns test signing on or off, from the next start of Windows on.
function Set-TestSigning {
    param([Parameter(Mandatory)] [ValidateSet('on', 'off')] [string] $Value)
    # BitLocker takes other boot options for an attack. Not every edition has it.
    if (Get-Command Get-BitLockerVolume -ErrorAction SilentlyContinue) {
        $volume = Get-BitLockerVolume -MountPoint $env:SystemDrive -ErrorAction SilentlyContinue
        if ($volume -and "$($volume.ProtectionStatus)" -eq 'On') {
            throw ('BitLocker would ask for its recovery key at the next start; first run ' +
                "Suspend-BitLocker -MountPoint $env:SystemDrive -RebootCount 1")
        }
    }
    Invoke-Program 'bcdedit.exe' @('/set', 'testsigning', $Value)
}

# Whether this start of Windows loads drivers that a certificate for testing vouches for.
function Test-TestSigning {
    $options = (Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control').SystemStartOptions
    $options -match 'TESTSIGNING'
}

# Whether Driver Verifier watches the driver now: its counters name each driver that it does.
function Test-Verifier {
    (& verifier.exe /query | Out-String) -match [regex]::Escape($Driver)
}

# Whether it does from the next start of Windows on.
function Test-VerifierSetting {
    $management = 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management'
    $drivers = (Get-ItemProperty $management).PSObject.Properties['VerifyDrivers']
    ($null -ne $drivers) -and ($drivers.Value -match [regex]::Escape($Driver))
}
